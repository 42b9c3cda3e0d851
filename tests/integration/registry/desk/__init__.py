"""What the staff of a booth ask the registry for."""
