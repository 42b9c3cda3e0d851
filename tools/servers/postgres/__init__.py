"""Postgres, by whichever way fits this machine."""
