"""The live state of devices, read from Redis."""
