"""Names of tables and columns that depend on the kind of device."""

from psycopg.sql import Identifier

from shared.contract.devices import Kind


def devices_table(kind: Kind) -> Identifier:
    """Return the table of this kind's devices."""
    return Identifier(f"{kind.value}s")


def secrets_table(kind: Kind) -> Identifier:
    """Return the table of their secrets."""
    return Identifier(f"{kind.value}_secrets")


def pairing_columns(kind: Kind) -> tuple[Identifier, Identifier]:
    """Return the columns of ``pairings`` with the device's own id and with its partner's."""
    own, partner = Identifier("charger_id"), Identifier("widget_id")
    return (own, partner) if kind is Kind.CHARGER else (partner, own)
