"""A certificate authority in a folder, for a booth that has none."""
