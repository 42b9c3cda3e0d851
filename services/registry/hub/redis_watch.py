"""What Redis says of the hub, looked at every other second and kept while it is away."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from services.registry.hub import scripts
from services.registry.live.redis_values import score_to_us
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Call
from shared.contract.instances import (
    MOST_EVENTS,
    REPORT_SECONDS,
    HubEvent,
    InstanceLine,
    decode_line,
)
from shared.contract.names import EVENTS, HEARD, INSTANCES, Names
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

MOST_INSTANCES: Final = 1000
_EVENT_ID: Final = re.compile(rb"\d{1,15}-\d{1,20}")
_TIME: Final = re.compile(rb"\d{1,16}")
_FIGURE: Final = re.compile(rb"^(\w+):(\d+)\r?$", re.MULTILINE)


class HeardInstance(NamedTuple):
    """An instance, as it was heard of."""

    at: int
    """When, in µs by Redis' clock."""
    line: InstanceLine | None
    """What it said; None if that cannot be read."""


class Memory(NamedTuple):
    """The memory of one Redis server, in bytes."""

    used: int
    limit: int
    """0: there is none."""


class RedisLook(NamedTuple):
    """What was found in Redis."""

    looked_at: float
    """In seconds of our monotonic clock."""
    now: int
    """Redis' time then, in µs."""
    instances: Mapping[str, HeardInstance]
    memory: Sequence[Memory]
    transitions: int
    """Those that wait to be recorded in rentals."""


@dataclass(eq=False, repr=False)
class RedisWatch:
    """Looks at Redis again and again. It writes nothing."""

    bus: Bus
    names: Names
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.look: RedisLook | None = None
        """The last one that went well."""
        self.events: dict[str, HubEvent] = {}
        """The timeline, by ids. What an emptied Redis lost of it, this registry still knows."""
        self.trouble: str | None = "Redis was not there since this registry started"
        """Why Redis could not be looked at; None: it could."""
        self._failure_log = RateLimitedLog(_log, "the hub cannot be looked at")

    async def run(self) -> None:
        """Look about every other second, until cancelled."""
        while True:
            try:
                await self.look_once()
            except BusUnavailableError as error:
                self.trouble = str(error)
            except Exception as error:  # noqa: BLE001 - a registry does not end because of this
                self.trouble = "what Redis answers cannot be read"
                self._failure_log.log(repr(error))
            else:
                self.trouble = None
            await asyncio.sleep(REPORT_SECONDS if self.trouble is None else REPORT_SECONDS / 2)

    async def look_once(self) -> None:
        """Look now.

        Raises:
            BusUnavailableError: Redis is away.
        """
        call = Call(scripts.LOOK, (INSTANCES, HEARD, EVENTS), [MOST_INSTANCES, MOST_EVENTS])
        ((now, found, events),) = await self.bus.run([call])
        looked_at = self.clock()
        memory = await self.bus.on_each_server("INFO", "memory")
        lengths = await self.bus.commands(
            [("XLEN", names.transitions) for names in self.names.widgets], return_errors=True
        )
        self.look = RedisLook(
            looked_at=looked_at,
            now=int(now),
            instances=_instances(found),
            memory=[memory_in(each) for each in memory],
            transitions=sum(each for each in lengths if isinstance(each, int)),
        )
        known = self.events | {event.id: event for event in map(read_event, events) if event}
        newest = sorted(known, key=_order, reverse=True)[:MOST_EVENTS]
        self.events = {each: known[each] for each in newest}


def memory_in(info: bytes) -> Memory:
    """Read ``INFO memory``."""
    figures = {name: int(value) for name, value in _FIGURE.findall(info)}
    return Memory(figures.get(b"used_memory", 0), figures.get(b"maxmemory", 0))


def read_event(entry: Any) -> HubEvent | None:
    """Read one entry of the timeline; None if it was written by hand."""
    entry_id, words = entry
    fields = dict(zip(words[::2], words[1::2], strict=False))
    if not _EVENT_ID.fullmatch(entry_id) or not _TIME.fullmatch(fields.get(b"at", b"")):
        return None
    kind, instance, detail = (
        fields.get(name, b"").decode(errors="replace")[:300]
        for name in (b"event", b"instance", b"detail")
    )
    at = int(fields[b"at"])
    return HubEvent(entry_id.decode(), at, kind, instance, detail)


def _instances(found: Sequence[bytes]) -> dict[str, HeardInstance]:
    parts = zip(found[::3], found[1::3], found[2::3], strict=True)
    return {
        name.decode(errors="replace")[:64]: HeardInstance(score_to_us(at), decode_line(line))
        for name, at, line in parts
    }


def _order(event_id: str) -> tuple[int, int]:
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)
