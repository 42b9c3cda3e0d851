"""Postgres: connections, migrations, its doorbell."""
