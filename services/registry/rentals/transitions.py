"""What a router says of a widget's light that became another one. No I/O."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from shared.contract.device_protocol import ChargingStatus
from shared.contract.devices import is_device_id

_REACHED_80: Final = frozenset({ChargingStatus.CHARGING80, ChargingStatus.CHARGED})
_REACHED_100: Final = frozenset({ChargingStatus.CHARGED})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_MS: Final = 253_402_300_800_000
"""The end of the year 9999: no date lies beyond it."""
_MOST: Final = 2**63

# What streams are made of: https://redis.io/docs/latest/develop/data-types/streams/#entry-ids
_ENTRY_ID: Final = re.compile(rb"(\d{1,20})-\d{1,20}")
_NUMBER: Final = re.compile(rb"\d{1,19}")


@dataclass(frozen=True, slots=True)
class Transition:
    """A light became another one."""

    charger: str
    pairing: int
    status: ChargingStatus
    at: datetime
    """By Redis' clock, to the millisecond."""


class Pairing(NamedTuple):
    """Which pairing of which charger: at most one rental's."""

    charger: str
    number: int


@dataclass(frozen=True, slots=True)
class Reached:
    """When a light became yellow and green for the first time; None: not in what came."""

    at_80: datetime | None = None
    at_100: datetime | None = None

    def and_then(self, transition: Transition) -> "Reached":
        """Return this with one more transition; their order does not matter."""
        return Reached(
            _earlier(self.at_80, transition.at if transition.status in _REACHED_80 else None),
            _earlier(self.at_100, transition.at if transition.status in _REACHED_100 else None),
        )

    def __bool__(self) -> bool:
        """Tell whether there is anything to record."""
        return self.at_80 is not None


def read(entry_id: bytes, cells: Sequence[bytes]) -> Transition | None:
    """Read an entry of a stream; None: it is none that a router wrote.

    Args:
        entry_id: Milliseconds since 1970, and a number.
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
        or not is_device_id(charger)
        or not _NUMBER.fullmatch(pairing)
        or int(pairing) >= _MOST
        or status not in set(ChargingStatus)
    ):
        return None
    at = _EPOCH + timedelta(milliseconds=int(time[1]))
    return Transition(charger, int(pairing), ChargingStatus(status), at)


def reached(transitions: Iterable[Transition]) -> dict[Pairing, Reached]:
    """Return what is to be recorded of each pairing; nothing of those that only charge."""
    found: dict[Pairing, Reached] = {}
    for each in transitions:
        pairing = Pairing(each.charger, each.pairing)
        found[pairing] = found.get(pairing, Reached()).and_then(each)
    return {pairing: what for pairing, what in found.items() if what}


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    known = [time for time in (one, other) if time is not None]
    return min(known, default=None)
