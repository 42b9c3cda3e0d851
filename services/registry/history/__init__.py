"""How full rentals' phones were over time, and their lights: written down, and remembered."""
