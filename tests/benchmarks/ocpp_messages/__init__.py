"""Decoding and checking an OCPP message, beside validation by the schemas of its version."""
