"""What the services agree on: protocol, names, bus, settings, runtime, logs and health."""
