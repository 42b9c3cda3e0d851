"""Operators' API keys and roles, and devices' secrets."""
