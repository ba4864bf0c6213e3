"""The web explorer: one static page, and the views that it draws."""
