"""Gateways and routers on a real Redis, inside the test's own event loop."""
