"""When a phone will be at 80 % and at 100 %, from its own readings."""
