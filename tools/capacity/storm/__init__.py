"""A storm of devices that all connect again at one moment, simulated event by event."""
