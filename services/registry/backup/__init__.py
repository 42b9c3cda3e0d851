"""Backup and restore: commands beside the service, on connections of their own."""
