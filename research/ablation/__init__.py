"""What each part of the model is worth: docs/ablation.md."""
