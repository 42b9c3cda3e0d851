"""OCPP, which chargers speak that can be bought. Without I/O."""
