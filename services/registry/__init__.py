"""The registry: devices and pairings in Postgres, projected into Redis."""
