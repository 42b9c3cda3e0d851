"""Booths, on the command line."""
