"""Redis, from whichever source fits this machine."""
