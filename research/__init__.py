"""Experiments behind the pages of the docs: see README.md. Nothing in the product imports them."""
