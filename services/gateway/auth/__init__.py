"""Who may connect: credentials of devices."""
