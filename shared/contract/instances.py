"""What each instance says of itself, every other second, for those who look at the hub."""

from enum import StrEnum
from typing import Annotated, Final, NamedTuple

import msgspec

from shared.contract.presence import Microseconds
from shared.contract.tolerant_json import tolerant_decoder

REPORT_SECONDS: Final = 2.0
"""How often an instance says how it is, at least."""
LOST_SECONDS: Final = 10.0
"""An instance that was silent for so long is lost."""
MOST_EVENTS: Final = 200
"""Events that are kept."""
LONGEST_REASON: Final = 300

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]
Word = Annotated[str, msgspec.Meta(max_length=64)]


class Figures(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What instances of one service know and others do not: None."""

    connections: Count | None = None
    """Devices that are connected; of a registry, those who use it over REST."""
    connections_max: Count | None = None
    """How many there may be."""
    waiting: Count | None = None
    """Devices that wait because the directory is missing."""
    unstored: Count | None = None
    """Chargers with a reading that is not stored yet."""
    partitions: Count | None = None
    """Those that it works on."""
    overdue: Count | None = None
    """Chargers of its partitions with a reading that should have been routed by now."""
    overdue_seconds: Seconds | None = None
    """How long the oldest of them has been pending."""


class InstanceLine(Figures, frozen=True, omit_defaults=True, kw_only=True):
    """One instance's line about itself (``{hub}:instances``)."""

    service: Word
    version: Word
    started_at: Microseconds
    """By its own clock."""
    ready: bool
    reason: Annotated[str, msgspec.Meta(max_length=LONGEST_REASON)] = ""
    """Why it is not ready."""


class EventKind(StrEnum):
    """What the timeline tells: a closed set."""

    STARTED = "started"
    STOPPED = "stopped"
    """It was asked to stop, and said so."""
    RESTARTED = "restarted"
    """A new process has the name of one that did not say that it stops."""
    LOST = "lost"
    """Nothing was heard of it for `LOST_SECONDS`."""
    BACK = "back"
    """It is heard of again."""
    NOT_READY = "not_ready"
    READY = "ready"
    SILENCE = "silence"
    """Nothing was heard of any instance: Redis was away, or the whole hub."""
    EMPTIED = "redis_emptied"
    """What instances had said was gone."""


class HubEvent(NamedTuple):
    """One entry of the timeline."""

    id: str
    """Grows."""
    at: Microseconds
    kind: str
    instance: str
    """Empty: it is about all of them."""
    detail: str


encode_line: Final = msgspec.json.Encoder().encode
decode_line = tolerant_decoder(InstanceLine)
