"""Backup and restore: commands beside the service, and backups that it takes on a timer."""
