"""Postgres: connections, migrations, notifications."""
