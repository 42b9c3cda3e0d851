"""Tests of the connections of chargers that speak OCPP."""
