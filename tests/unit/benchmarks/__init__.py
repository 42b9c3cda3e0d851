"""Tests of the benchmarks' own parts: what they say must be right."""
