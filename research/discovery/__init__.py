"""Evidence for discovery: ratings of items shown at random, and worlds whose gems are known."""
