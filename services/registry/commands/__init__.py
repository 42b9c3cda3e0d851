"""Operators' commands to chargers that speak OCPP: judged, noted, passed on, and answered."""
