"""Levels of connectors that report no state of charge, by what their setting counts as full."""
