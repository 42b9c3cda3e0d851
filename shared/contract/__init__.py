"""What services agree on: protocol, names, messages."""
