"""What all routes of the REST API have in common."""
