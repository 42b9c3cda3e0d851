"""What people and other systems are told of: judged by one registry at a time."""
