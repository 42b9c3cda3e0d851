"""Chargers, widgets and pairings."""
