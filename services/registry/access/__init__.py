"""Who may do what: operators' keys, devices' secrets, and the record of changes."""
