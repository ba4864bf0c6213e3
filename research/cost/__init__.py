"""What a fit costs: processor time and memory against the size of the log."""
