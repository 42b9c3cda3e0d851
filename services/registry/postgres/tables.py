"""Names of tables and columns that depend on the kind of device, and the condition of a booth."""

from typing import Final

from psycopg.sql import SQL, Identifier

from shared.contract.devices import Kind

IN_BOOTH: Final = SQL(
    "(%(booth)s::text IS NULL OR booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))"
)
"""Rows of the value ``booth``: of a booth by its id; empty: of none; NULL: all."""


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
