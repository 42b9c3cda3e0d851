"""REST: what the staff of a booth ask for at their desk."""
