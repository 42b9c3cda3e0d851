"""Programs that end when we end, and commands that clean up after us."""
