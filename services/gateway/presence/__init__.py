"""Who is connected where, and what was refused."""
