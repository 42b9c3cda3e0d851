"""Tests of the whole hub: all processes, and the stack of docker-compose.yml."""
