"""Which devices may connect: their credentials."""
