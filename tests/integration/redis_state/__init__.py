"""The scripts with a real Redis, without services."""
