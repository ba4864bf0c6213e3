"""Saved folders of arrays: atomic writes, checksums, and a format version."""
