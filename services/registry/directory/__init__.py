"""The directory, projected from Postgres into Redis."""
