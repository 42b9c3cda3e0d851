"""Tests of the router's parts, without Redis."""
