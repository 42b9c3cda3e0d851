"""Tests of what `make up` and `make test` stand on."""
