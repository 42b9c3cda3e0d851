"""The directory: copied from Postgres to Redis."""
