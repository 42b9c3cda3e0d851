"""How connections come in where that is not by plain TCP: accepted by us, a balancer's header."""
