"""Postgres loses its disk, and a backup is restored: time, what is lost, and every light."""
