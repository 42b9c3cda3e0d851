"""What the staff of a booth ask for at their desk, beside devices and rentals themselves."""
