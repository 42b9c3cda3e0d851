"""The router: states of charge in, charging statuses out. No sockets, no database."""
