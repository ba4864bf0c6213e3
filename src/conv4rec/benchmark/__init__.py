"""Several models measured on the same rows, with provenance."""
