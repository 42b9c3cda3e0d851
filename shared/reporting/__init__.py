"""Every instance says of itself how it is, for those who look at the hub."""
