"""How connections come in where that is not by plain TCP: with TLS, or through a balancer."""
