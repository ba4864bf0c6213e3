"""Load, faults and generated requests against a running service, for docs/serving.md."""
