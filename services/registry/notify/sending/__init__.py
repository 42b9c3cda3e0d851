"""Sending one event to one destination: a webhook, or a channel to people."""
