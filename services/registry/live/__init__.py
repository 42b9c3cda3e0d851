"""What is going on right now, read from Redis."""
