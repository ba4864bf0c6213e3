"""Experiments behind the pages of the docs: nothing in the product imports them."""
