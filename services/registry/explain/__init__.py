"""Explains why a widget's light is as it is, from all that is known."""
