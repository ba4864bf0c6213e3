"""Records of the benchmark behind docs/bench, and the cost of being a new user."""
