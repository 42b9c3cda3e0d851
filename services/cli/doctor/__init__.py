"""Looks at a running hub, and says what is open, old, about to end or unusual."""
