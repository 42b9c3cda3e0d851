"""Alerts to people and to other systems, as operators see them."""
