"""The bus of a Redis Cluster."""
