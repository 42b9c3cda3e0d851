"""Certificates of a service: checked at its start, and read again while it runs."""
