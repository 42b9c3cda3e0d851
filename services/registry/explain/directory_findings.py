"""Findings about registration, pairing and rental. No I/O."""

from services.registry.explain.facts import Facts
from services.registry.explain.finding import Cause, Finding, Mark, Rank, Said, Value, say, wrong
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
            say("unreadable", "cannot be read: {what}", what=", ".join(facts.unreadable)),
            Rank.VALUES,
            say(
                "values_unreadable",
                "Another program wrote to Redis, or a person: what cannot be read counts as not "
                "there.",
            ),
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
            say(
                "not_in_directory",
                "not in the directory, and Postgres, which knows for sure, is away",
            ),
            Cause(
                Rank.REGISTRATION,
                say(
                    "perhaps_not_registered",
                    "As far as gateways know, {id} is not registered.",
                    id=facts.id,
                ),
                "Wait for Postgres, then look again.",
            ),
        )
    in_postgres = facts.postgres.number if facts.postgres else None
    if in_redis is None and in_postgres is None:
        return wrong(
            about,
            say("not_registered", "not registered"),
            Rank.REGISTRATION,
            _not_registered("device_not_registered", facts, kind=facts.kind.value),
            f"{_other_capitals(facts)}Register it: chargelight {{kind}}s register {{id}}",
        )
    if facts.postgres is not None and in_postgres != in_redis:
        return wrong(
            about,
            say("not_in_effect", "changed in Postgres, but not in effect in Redis yet"),
            Rank.REGISTRATION,
            say("change_not_in_effect", "A change of {id} is not in effect yet.", id=facts.id),
            "Usually that takes less than a second. If it stays so, look at the registry: "
            "its /readyz says why.",
        )
    said = say("registered", "registered (number {number})", number=in_redis)
    if facts.postgres is None:
        said = say(
            "registered_in_redis",
            "registered (number {number}), as Redis knows it: Postgres is away",
            number=in_redis,
        )
    return Finding(Mark.RIGHT, about, said)


def other_kind(facts: Facts, other: Facts) -> Finding:
    """Return the finding about an id that is registered, but as a device of the other kind."""
    values: dict[str, Value] = {
        "id": facts.id,
        "kind": facts.kind.value,
        "other_kind": other.kind.value,
    }
    return wrong(
        "registration",
        say(
            "other_kind_registered",
            "no {kind}, but a {other_kind}, is registered with this id",
            **values,
        ),
        Rank.REGISTRATION,
        say("other_kind", "{id} is the id of a {other_kind}, not of a {kind}.", **values),
        "Look at the {other_kind}: chargelight explain --{other_kind} {id}",
    )


def neither_kind(facts: Facts, other: Facts) -> Finding:
    """Return the finding about an id that no charger and no widget has."""
    text = "no charger and no widget is registered with this id"
    said = say("neither_registered", text)
    if not facts.postgres:
        said = say("neither_in_redis", f"{text}, as Redis knows it: Postgres is away")
    return wrong(
        "registration",
        said,
        Rank.REGISTRATION,
        _not_registered("id_not_registered", facts, other),
        f"{_other_capitals(facts, other)}Register it: chargelight chargers register {{id}}, "
        "or chargelight widgets register {id}",
    )


def _not_registered(code: str, *of_kinds: Facts, **more: Value) -> Said:
    text = "{id} is not registered: its connections are closed with 4404."
    similar: dict[str, Value] = {"similar": found} if (found := _similar(*of_kinds)) else {}
    return say(code, text, id=of_kinds[0].id, **similar, **more)


def _similar(*of_kinds: Facts) -> str:
    """Return ids that differ only in capitals; empty if there are none."""
    known = (facts.postgres.similar for facts in of_kinds if facts.postgres is not None)
    return " and ".join(dict.fromkeys(filter(None, known)))


def _other_capitals(*of_kinds: Facts) -> str:
    """Return what to do about ids that differ only in capitals; empty if there are none."""
    if not _similar(*of_kinds):
        return ""
    return "There is {similar}: capitals matter, here and in the device. Is it another one? "


def same_id(other: Facts) -> Finding:
    """Return the finding about an id that a charger and a widget have."""
    text = "a {kind} has this id, too: chargelight explain --{kind} {id}"
    said = say("same_id", text, kind=other.kind.value, id=other.id)
    return Finding(Mark.NOTE, "same id", said)


def check_pairing(facts: Facts) -> Finding:
    """Check that the device is paired."""
    about = "pairing"
    if facts.charger is None or not facts.charger.entry.widget or facts.widget is None:
        other = Kind.WIDGET if facts.kind is Kind.CHARGER else Kind.CHARGER
        pair = "{id} WIDGET" if facts.kind is Kind.CHARGER else "CHARGER {id}"
        return wrong(
            about,
            say("not_paired", "not paired with any {other_kind}", other_kind=other.value),
            Rank.PAIRING,
            say(f"{facts.kind}_not_paired", "{id} is not paired, so nothing is lit.", id=facts.id),
            f"Pair it (chargelight pairings pair {pair}) or open a rental.",
        )
    charger, widget = facts.charger, facts.widget
    if charger.entry.pairing != widget.pairing_number:
        return wrong(
            about,
            say(
                "pairings_differ",
                "{charger} says {of_charger}, {widget} says {of_widget}",
                charger=charger.state.id,
                of_charger=charger.entry.pairing,
                widget=widget.id,
                of_widget=widget.pairing_number,
            ),
            Rank.PAIRING,
            say(
                "pairing_half_in_effect",
                "A new pairing is half in effect; until it is, nothing is lit.",
            ),
            "This passes within moments. If it stays so, look at the registry's log.",
        )
    partner = widget.id if facts.kind is Kind.CHARGER else charger.state.id
    said = say(
        "paired",
        "with {partner} since {since} (number {number})",
        partner=partner,
        since=to_datetime(charger.entry.paired_at),
        number=charger.entry.pairing,
    )
    return Finding(Mark.RIGHT, about, said)


def check_rental(facts: Facts) -> Finding:
    """Return whether a rental is open."""
    about = "rental"
    if facts.postgres is None:
        return Finding(Mark.UNKNOWN, about, say("postgres_away", "Postgres is away"))
    found = facts.postgres.rental
    if found is None:
        return Finding(Mark.NOTE, about, say("no_rental", "none is open"))
    # Without the ticket: an explanation may go to remote support.
    said = say(
        "rental",
        "{short_id}, open since {since}",
        short_id=short_ids.encode(found.opening_number),
        since=found.opened_at,
    )
    return Finding(Mark.NOTE, about, said)
