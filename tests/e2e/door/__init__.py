"""Attacks on the door of a hub, and what honest devices and operators notice of them."""
