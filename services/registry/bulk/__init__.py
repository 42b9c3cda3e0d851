"""Many devices at once: files that are imported and exported."""
