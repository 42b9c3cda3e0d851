"""The hub at a glance: its instances, Redis, Postgres, what waits, and what happened."""
