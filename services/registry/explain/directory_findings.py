"""Findings about registration, pairing and rental. No I/O."""

from services.registry.explain.facts import Facts
from services.registry.explain.finding import Cause, Finding, Mark, Rank, format_time, wrong
from services.registry.live.state import to_datetime
from services.registry.rentals import short_ids
from shared.contract.devices import Kind


def number_in_redis(facts: Facts) -> int | None:
    """Return the device's number in Redis; None: it is not in the directory."""
    if facts.kind is Kind.CHARGER:
        return facts.charger.entry.pairing if facts.charger else None
    return facts.widget.pairing_number if facts.widget else None


def is_registered(facts: Facts) -> bool:
    """Tell whether the device is registered, as far as Redis or Postgres knows."""
    in_postgres = facts.postgres is not None and facts.postgres.number is not None
    return in_postgres or number_in_redis(facts) is not None


def check_values(facts: Facts) -> list[Finding]:
    """Check that what is stored can be read; nothing if it can."""
    if not facts.unreadable:
        return []
    return [
        wrong(
            "stored values",
            f"cannot be read: {', '.join(facts.unreadable)}",
            Rank.VALUES,
            "Another program wrote to Redis, or a person: what cannot be read counts as not there.",
            "It is written again by itself, within seconds (presence: within a minute). If it "
            "is not, or comes back, find out who writes there: nothing but Chargelight may.",
        )
    ]


def check_registration(facts: Facts) -> Finding:
    """Check that the device is registered, in Postgres and in Redis."""
    about = "registration"
    in_redis = number_in_redis(facts)
    if facts.postgres is None and in_redis is None:
        return Finding(
            Mark.UNKNOWN,
            about,
            "not in the directory, and Postgres, which knows for sure, is away",
            Cause(
                Rank.REGISTRATION,
                f"As far as gateways know, {facts.id} is not registered.",
                "Wait for Postgres, then look again.",
            ),
        )
    in_postgres = facts.postgres.number if facts.postgres else None
    if in_redis is None and in_postgres is None:
        return wrong(
            about,
            "not registered",
            Rank.REGISTRATION,
            f"{facts.id} is not registered: its connections are closed with 4404.",
            f"{_other_capitals(facts)}Register it: chargelight {facts.kind.value}s register "
            f"{facts.id}",
        )
    if facts.postgres is not None and in_postgres != in_redis:
        return wrong(
            about,
            "changed in Postgres, but not in effect in Redis yet",
            Rank.REGISTRATION,
            f"A change of {facts.id} is not in effect yet.",
            "Usually that takes less than a second. If it stays so, look at the registry: "
            "its /readyz says why.",
        )
    unsure = ", as Redis knows it: Postgres is away" if facts.postgres is None else ""
    return Finding(Mark.RIGHT, about, f"registered (number {in_redis}){unsure}")


def other_kind(facts: Facts, other: Facts) -> Finding:
    """Return the finding about an id that is registered, but as a device of the other kind."""
    own_kind, kind = facts.kind.value, other.kind.value
    return wrong(
        "registration",
        f"no {own_kind}, but a {kind}, is registered with this id",
        Rank.REGISTRATION,
        f"{facts.id} is the id of a {kind}, not of a {own_kind}.",
        f"Look at the {kind}: chargelight explain --{kind} {facts.id}",
    )


def neither_kind(facts: Facts, other: Facts) -> Finding:
    """Return the finding about an id that no charger and no widget has."""
    certainly = "" if facts.postgres else ", as Redis knows it: Postgres is away"
    return wrong(
        "registration",
        f"no charger and no widget is registered with this id{certainly}",
        Rank.REGISTRATION,
        f"{facts.id} is not registered: its connections are closed with 4404.",
        f"{_other_capitals(facts, other)}Register it: chargelight chargers register {facts.id}, "
        f"or chargelight widgets register {facts.id}",
    )


def _other_capitals(*of_kinds: Facts) -> str:
    """Return what to do about ids that differ only in capitals; empty if there are none."""
    known = (facts.postgres.similar for facts in of_kinds if facts.postgres is not None)
    similar = " and ".join(dict.fromkeys(filter(None, known)))
    if not similar:
        return ""
    return f"There is {similar}: capitals matter, here and in the device. Is it another one? "


def same_id(other: Facts) -> Finding:
    """Return the finding about an id that a charger and a widget have."""
    kind = other.kind.value
    text = f"a {kind} has this id, too: chargelight explain --{kind} {other.id}"
    return Finding(Mark.NOTE, "same id", text)


def check_pairing(facts: Facts) -> Finding:
    """Check that the device is paired."""
    about = "pairing"
    if facts.charger is None or not facts.charger.entry.widget or facts.widget is None:
        other = Kind.WIDGET if facts.kind is Kind.CHARGER else Kind.CHARGER
        pair = f"{facts.id} WIDGET" if facts.kind is Kind.CHARGER else f"CHARGER {facts.id}"
        return wrong(
            about,
            f"not paired with any {other.value}",
            Rank.PAIRING,
            f"{facts.id} is not paired, so nothing is lit.",
            f"Pair it (chargelight pairings pair {pair}) or open a rental.",
        )
    charger, widget = facts.charger, facts.widget
    if charger.entry.pairing != widget.pairing_number:
        return wrong(
            about,
            f"{charger.state.id} says {charger.entry.pairing}, {widget.id} says "
            f"{widget.pairing_number}",
            Rank.PAIRING,
            "A new pairing is half in effect; until it is, nothing is lit.",
            "This passes within moments. If it stays so, look at the registry's log.",
        )
    partner = widget.id if facts.kind is Kind.CHARGER else charger.state.id
    since = format_time(to_datetime(charger.entry.paired_at))
    return Finding(
        Mark.RIGHT, about, f"with {partner} since {since} (number {charger.entry.pairing})"
    )


def check_rental(facts: Facts) -> Finding:
    """Return whether a rental is open."""
    about = "rental"
    if facts.postgres is None:
        return Finding(Mark.UNKNOWN, about, "Postgres is away")
    found = facts.postgres.rental
    if found is None:
        return Finding(Mark.NOTE, about, "none is open")
    # Without the ticket: an explanation may go to remote support.
    text = f"{short_ids.encode(found.opening_number)}, open since {format_time(found.opened_at)}"
    return Finding(Mark.NOTE, about, text)
