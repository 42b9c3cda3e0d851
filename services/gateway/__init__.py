"""The gateway: holds the devices' sockets, stores readings, delivers statuses."""
