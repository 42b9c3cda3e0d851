"""Tests: unit, integration (real Redis and Postgres), e2e (all processes), faults, benchmarks."""
