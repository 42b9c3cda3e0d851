"""Tests of the gateway's parts, without sockets and without Redis."""
