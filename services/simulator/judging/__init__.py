"""Whether a light is right."""
