"""Real Redis and Postgres servers for development and tests, with a container engine or without."""
