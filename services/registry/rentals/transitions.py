"""Transitions: entries of the streams in which routers note that a light changed. No I/O."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from services.registry.history.rows import Light
from shared.contract.connectors import is_id_of
from shared.contract.device_protocol import ChargingStatus
from shared.contract.devices import Kind

_REACHED_80: Final = frozenset({ChargingStatus.CHARGING80, ChargingStatus.CHARGED})
_REACHED_100: Final = frozenset({ChargingStatus.CHARGED})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_MS: Final = 253_402_300_800_000
"""The end of the year 9999: no date lies beyond it."""
_MAX_NUMBER: Final = 2**63

# https://redis.io/docs/latest/develop/data-types/streams/#entry-ids
_ENTRY_ID: Final = re.compile(rb"(\d{1,20})-\d{1,20}")
_NUMBER: Final = re.compile(rb"\d{1,19}")


@dataclass(frozen=True, slots=True)
class Transition:
    """A light changed."""

    charger: str
    pairing: int
    status: ChargingStatus
    at: datetime
    """By Redis' clock, to the millisecond."""


class Pairing(NamedTuple):
    """A pairing of a charger; it belongs to at most one rental."""

    charger: str
    number: int


@dataclass(frozen=True, slots=True)
class ReachedTimes:
    """When a light first became yellow and green; None: in no transition so far."""

    at_80: datetime | None = None
    at_100: datetime | None = None

    def with_transition(self, transition: Transition) -> "ReachedTimes":
        """Return the times with one more transition; the order does not matter."""
        return ReachedTimes(
            _earlier(self.at_80, transition.at if transition.status in _REACHED_80 else None),
            _earlier(self.at_100, transition.at if transition.status in _REACHED_100 else None),
        )

    def __bool__(self) -> bool:
        """Tell whether there is anything to record."""
        return self.at_80 is not None


def decode(entry_id: bytes, cells: Sequence[bytes]) -> Transition | None:
    """Decode an entry of a stream; None: no router wrote it.

    Args:
        entry_id: Milliseconds since 1970, and a sequence number.
        cells: Names and values in turn.
    """
    fields = dict(zip(cells[::2], cells[1::2], strict=False))
    time = _ENTRY_ID.fullmatch(entry_id)
    charger = fields.get(b"charger", b"").decode("ascii", errors="replace")
    pairing = fields.get(b"pairing", b"")
    status = fields.get(b"status", b"").decode("ascii", errors="replace")
    if (
        time is None
        or int(time[1]) >= _END_MS
        or not is_id_of(Kind.CHARGER, charger)
        or not _NUMBER.fullmatch(pairing)
        or int(pairing) >= _MAX_NUMBER
        or status not in set(ChargingStatus)
    ):
        return None
    at = _EPOCH + timedelta(milliseconds=int(time[1]))
    return Transition(charger, int(pairing), ChargingStatus(status), at)


def reached_times(transitions: Iterable[Transition]) -> dict[Pairing, ReachedTimes]:
    """Return the times to record, by pairing; nothing of phones below 80 %."""
    found: dict[Pairing, ReachedTimes] = {}
    for each in transitions:
        pairing = Pairing(each.charger, each.pairing)
        found[pairing] = found.get(pairing, ReachedTimes()).with_transition(each)
    return {pairing: what for pairing, what in found.items() if what}


def as_light(transition: Transition) -> Light:
    """Return a transition as it is kept in the history of its rental."""
    return Light(transition.charger, transition.pairing, transition.at, transition.status)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    known = [time for time in (one, other) if time is not None]
    return min(known, default=None)
