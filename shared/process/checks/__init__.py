"""Checks of settings, without I/O: their names, and the URLs among their values."""
