"""Tests of the simulator, against a small hub of their own on real sockets."""
