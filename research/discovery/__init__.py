"""Discovery on items exposed at random, and in synthetic worlds whose truth is known."""
