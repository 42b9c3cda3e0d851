"""What the routes of the REST API have in common."""
