"""A device's values in Redis, and how they are decoded. No I/O."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from services.registry.errors import DirectoryAbsentError
from shared.contract.doorbells import StatusDoorbell
from shared.contract.presence import (
    DEAD_SECONDS,
    Refused,
    decode_charger_presence,
    decode_refused,
    decode_rejection,
    decode_widget_presence,
)
from shared.contract.thresholds import Thresholds
from shared.redis_state.values import (
    DirectoryEntry,
    LiveState,
    decode_directory_entry,
    decode_live_state,
    decode_stored_status,
)

_END: Final = 253_402_300_800_000_000
"""The end of the year 9999, in µs: no date lies beyond it."""
_DEAD: Final = round(DEAD_SECONDS * 1_000_000)


class Environment(NamedTuple):
    """What is the same for all devices."""

    now: int
    """Redis' time, in µs."""
    gateways: Mapping[str, int]
    """When each gateway last reported, in µs."""
    broken_keys: tuple[str, ...] = ()
    """Keys that were read and have another type."""
    thresholds: Mapping[int, Thresholds] = MappingProxyType({})
    """Those that routers have agreed on, by version."""

    def is_alive(self, gateway: str) -> bool:
        """Tell whether a gateway is alive, so that its devices are where it said."""
        # Nor far in the future: a clock may have been ahead.
        return abs(self.now - self.gateways.get(gateway, 0)) <= _DEAD


class RefusedItem(NamedTuple):
    """A device that could not connect, as gateways noted it."""

    kind: str
    """Whose port it came to: ``charger`` or ``widget``."""
    reason: str
    address: str
    path: str
    """What it asked for; empty: nothing."""
    times: Refused


class RawCharger(NamedTuple):
    """The values of one charger in Redis."""

    id: str
    # In the order in which `StateReader` reads them.
    entry: bytes | None
    live: bytes | None
    presence: bytes | None
    rejection: bytes | None
    pending: bytes | None
    """Since when (µs) its reading waits."""
    is_complete: bool
    """Whether its tag's directory is complete: a device without an entry is not registered."""
    router: bytes | None
    status: bytes | None
    """The stored status of the widget it is paired with."""
    ocpp: bytes | None = None
    """What its gateway knows of it, or of the charger whose connector it is."""


class RawWidget(NamedTuple):
    """The values of one widget in Redis."""

    id: str
    # In the order in which `StateReader` reads them.
    entry: bytes | None
    presence: bytes | None
    rejection: bytes | None
    status: bytes | None
    is_complete: bool


def widget_paired_with(entry: bytes | None) -> str | None:
    """Return the widget in a charger's directory entry, if there is one."""
    decoded = decode_directory_entry(entry)
    return decoded.widget or None if decoded else None


def is_intact(version: bytes | None, count: int | None) -> bool:
    """Tell whether a tag's directory is complete, and no entries were removed or added by hand.

    Args:
        version: Its version, ``VERSION:COUNT``; None while it is not complete.
        count: How many entries it has.
    """
    return version is not None and version.endswith(b":%d" % (count or 0))


def decode_registration(raw: bytes | None, *, is_complete: bool) -> DirectoryEntry | None:
    """Return the entry of a registered device, or None.

    Raises:
        DirectoryAbsentError: The directory is not in Redis.
    """
    entry = decode_directory_entry(raw)
    if entry is None and not is_complete:
        raise DirectoryAbsentError
    return None if entry is None or entry.unregistered else entry


def decode_live(raw: bytes | None) -> LiveState:
    """Return a charger's live state, an empty one if there is none."""
    return decode_live_state(raw) or LiveState()


def decode_status(raw: bytes | None, pairing: int) -> StatusDoorbell | None:
    """Return a stored status, if it is of this pairing."""
    status = decode_stored_status(raw)
    # Of an earlier pairing: the widget does not show it any more.
    return None if status is None or status.pairing != pairing else status


def refused_items(found: Mapping[bytes, bytes]) -> list[RefusedItem]:
    """Return who could not connect, the newest first; what cannot be read is left out."""
    items: list[RefusedItem] = []
    for name, value in found.items():
        times = decode_refused(value)
        match name.decode(errors="replace").split(" ", 3):
            case [kind, reason, address, path] if times is not None:
                items.append(RefusedItem(kind, reason, address, path, times))
    return sorted(items, key=lambda item: item.times.at, reverse=True)


def score_to_us(score: bytes) -> int:
    """Return the score in a sorted set as a time in µs; 0 if it is no time."""
    time = float(score)
    return int(time) if 0 <= time < _END else 0


def unreadable_of_charger(raw: RawCharger) -> list[str]:
    """Return what of a charger's values cannot be read, in words."""
    return _unreadable(
        raw.id,
        ("directory entry", raw.entry, decode_directory_entry(raw.entry)),
        ("live state", raw.live, decode_live_state(raw.live)),
        ("presence", raw.presence, decode_charger_presence(raw.presence)),
        ("last refusal", raw.rejection, decode_rejection(raw.rejection)),
    )


def unreadable_of_widget(raw: RawWidget) -> list[str]:
    """Return what of a widget's values cannot be read, in words."""
    return _unreadable(
        raw.id,
        ("directory entry", raw.entry, decode_directory_entry(raw.entry)),
        ("status", raw.status, decode_stored_status(raw.status)),
        ("presence", raw.presence, decode_widget_presence(raw.presence)),
        ("last refusal", raw.rejection, decode_rejection(raw.rejection)),
    )


def _unreadable(device_id: str, *values: tuple[str, bytes | None, object]) -> list[str]:
    return [
        f"the {what} of {device_id}"
        for what, stored, decoded in values
        if stored is not None and decoded is None
    ]
