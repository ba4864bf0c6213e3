"""Guarantees for a trained model: certificates, generalisation bounds, measured gaps."""
