"""What consoles cost the hub: the same readings with none, one and twenty, in turns."""
