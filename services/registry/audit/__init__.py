"""The audit log: events that are no changes, and sending it on."""
