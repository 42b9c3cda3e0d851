"""The last release and this version side by side."""
