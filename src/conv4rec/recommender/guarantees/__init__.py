"""Theory put to work: what the theorems say of a trained model, and of made-up worlds."""
