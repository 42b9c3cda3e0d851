"""Calls of the hub to a charger, and what it asks by itself."""
