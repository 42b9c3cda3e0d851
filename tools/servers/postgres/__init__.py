"""Postgres, from whichever source fits this machine."""
