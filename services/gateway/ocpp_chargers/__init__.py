"""Chargers that speak OCPP: their connections, which do what `services.gateway.ocpp` says."""
