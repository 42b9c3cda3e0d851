"""Tests of the bus, without Redis."""
