"""One WebSocket connection, from its handshake to its end."""
