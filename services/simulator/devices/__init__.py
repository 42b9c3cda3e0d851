"""A charger and a widget as programs."""
