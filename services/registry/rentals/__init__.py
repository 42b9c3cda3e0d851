"""Rentals: one visitor's phone in one charger."""
