"""How long the hub keeps what it knows, and how it forgets one visitor."""
