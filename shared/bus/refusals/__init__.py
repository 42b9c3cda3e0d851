"""What Redis refuses, why, and what an operator does about it."""
