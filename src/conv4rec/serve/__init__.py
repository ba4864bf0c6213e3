"""The HTTP service: saved models, asked by JSON. Everything it says is made in `recommender`."""
