"""Questions asked of recommenders, with receipts."""
