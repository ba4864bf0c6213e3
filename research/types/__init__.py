"""Experiments on logs with types."""
