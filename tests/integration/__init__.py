"""Tests against real Redis and Postgres servers."""
