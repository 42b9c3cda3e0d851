"""The command line as a process, against a registry as a process."""
