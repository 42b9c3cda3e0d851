"""What an explanation finds about registration, pairing and rental. No I/O."""

from services.registry.explain.facts import Facts
from services.registry.explain.finding import Cause, Finding, Mark, Weight, when
from services.registry.kind import Kind
from services.registry.live.state import moment


def number_in_redis(facts: Facts) -> int | None:
    """Return the number of the device in the directory; None: it is not there."""
    if facts.kind is Kind.CHARGER:
        return facts.charger.entry.pairing if facts.charger else None
    return facts.widget.pairing_number if facts.widget else None


def registration(facts: Facts) -> Finding:
    """Tell whether the device is registered, and gateways know it."""
    about = "registration"
    in_redis = number_in_redis(facts)
    if facts.postgres is None and in_redis is None:
        return Finding(
            Mark.UNKNOWN,
            about,
            "not in the directory, and Postgres, which knows for sure, is away",
            Cause(
                Weight.REGISTRATION,
                f"As far as gateways know, {facts.id} is not registered.",
                "Wait for Postgres, then look again.",
            ),
        )
    in_postgres = facts.postgres.device if facts.postgres else None
    if in_redis is None and in_postgres is None:
        return Finding(
            Mark.WRONG,
            about,
            "not registered",
            Cause(
                Weight.REGISTRATION,
                f"Nobody registered {facts.id}: its connections are closed with 4404.",
                f"Register it: chargelight {facts.kind.value}s register {facts.id}",
            ),
        )
    if facts.postgres is not None and (
        in_redis is None or in_postgres is None or in_postgres.number != in_redis
    ):
        return Finding(
            Mark.WRONG,
            about,
            "changed in Postgres, but not in effect in Redis yet",
            Cause(
                Weight.REGISTRATION,
                f"A change of {facts.id} is not in effect yet.",
                "It is within a second, usually. If it stays so, look at the registry: its "
                "/readyz says what keeps it.",
            ),
        )
    unsure = ", as Redis knows it: Postgres is away" if facts.postgres is None else ""
    return Finding(Mark.RIGHT, about, f"registered (number {in_redis}){unsure}")


def pairing(facts: Facts) -> Finding:
    """Tell whom the device is paired with, since when."""
    about = "pairing"
    if facts.charger is None or not facts.charger.entry.widget or facts.widget is None:
        other = Kind.WIDGET if facts.kind is Kind.CHARGER else Kind.CHARGER
        pair = f"{facts.id} WIDGET" if facts.kind is Kind.CHARGER else f"CHARGER {facts.id}"
        return Finding(
            Mark.WRONG,
            about,
            f"not paired with any {other.value}",
            Cause(
                Weight.PAIRING,
                f"{facts.id} is not paired, so nothing is lit.",
                f"Pair it (chargelight pairings pair {pair}) or open a rental.",
            ),
        )
    charger, widget = facts.charger, facts.widget
    if charger.entry.pairing != widget.pairing_number:
        return Finding(
            Mark.WRONG,
            about,
            f"{charger.state.id} says {charger.entry.pairing}, {widget.id} says "
            f"{widget.pairing_number}",
            Cause(
                Weight.PAIRING,
                "A new pairing is half in effect; until it is, nothing is lit.",
                "This passes within moments. If it stays so, look at the registry's log.",
            ),
        )
    partner = widget.id if facts.kind is Kind.CHARGER else charger.state.id
    since = when(moment(charger.entry.paired_at))
    return Finding(
        Mark.RIGHT, about, f"with {partner} since {since} (number {charger.entry.pairing})"
    )


def rental(facts: Facts) -> Finding:
    """Tell whether a visitor's phone is in the charger."""
    about = "rental"
    if facts.postgres is None:
        return Finding(Mark.UNKNOWN, about, "Postgres is away")
    found = facts.postgres.rental
    if found is None:
        return Finding(Mark.NOTE, about, "none is open")
    ticket = f", ticket {found.ticket}" if found.ticket else ""
    return Finding(Mark.NOTE, about, f"open since {when(found.opened_at)}{ticket}")
