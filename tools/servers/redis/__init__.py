"""Redis, by whichever way fits this machine."""
