"""How much of a gateway one id, one address, or those who are not admitted may take."""
