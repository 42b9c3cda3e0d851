"""The router's part of traces."""
