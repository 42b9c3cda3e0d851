"""Traces of a few readings, over OTLP; off unless a receiver is set."""
