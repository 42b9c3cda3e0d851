"""The audit of lights: are those of connected pairs right, as `explain` would say?"""
