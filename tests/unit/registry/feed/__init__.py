"""The rules of the feed."""
