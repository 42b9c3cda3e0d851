"""Fuzzing of everything a device can send, and the conformance run of its WebSocket side."""
