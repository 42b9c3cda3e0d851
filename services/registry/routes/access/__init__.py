"""REST: operators, their keys, and what they did."""
