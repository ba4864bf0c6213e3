"""Recovery of known distributions, emergence of low rank, and pictures of bounds: docs/theory."""
