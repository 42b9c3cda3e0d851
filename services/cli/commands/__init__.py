"""The commands, one file per thing that there is."""
