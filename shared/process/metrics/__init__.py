"""What a process counts and times, and how Prometheus reads it."""
