"""What every request meets before a route: deadlines, sizes, slots, headers."""
