"""Removing keys that have another type than ours."""
