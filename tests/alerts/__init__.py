"""Alerts: their rules, and each of them fired by its real cause."""
