"""Telling people and other systems what happens, from an outbox in Postgres."""
