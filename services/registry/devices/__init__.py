"""Chargers, widgets, and who is paired with whom."""
