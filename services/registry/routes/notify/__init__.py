"""REST about alerts to people and to other systems."""
