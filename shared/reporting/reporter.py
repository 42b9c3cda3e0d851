"""One instance's line about itself, written to Redis every other second.

It is for those who look at the hub, and nothing depends on it: whatever goes wrong here is no
reason to be not ready, and ends no service.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import asdict

from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.refusals.refusal import NOPERM, RefusedError
from shared.bus.script import Argument, Call
from shared.contract.instances import (
    LONGEST_REASON,
    LOST_SECONDS,
    MOST_EVENTS,
    REPORT_SECONDS,
    Figures,
    InstanceLine,
    encode_line,
)
from shared.contract.names import EVENTS, HEARD, INSTANCES, SETTLING
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog
from shared.reporting import scripts
from shared.version import VERSION

_log = logs.get(__name__)

KEYS: Final = (INSTANCES, HEARD, SETTLING, EVENTS)
_SILENCE_SECONDS: Final = 5.0
"""Where nobody was heard of for so long, Redis was away: each says something every 2 s."""
_LEAVE_SECONDS: Final = 1.0


@dataclass(kw_only=True, eq=False, repr=False)
class Reporter:
    """Says how this instance is."""

    bus: Bus
    """One that no reading waits for."""
    service: str
    instance_id: str
    not_ready_because: Callable[[], str | None]
    figures: Callable[[], Figures]
    """Returns what only this service knows."""
    rng: random.Random
    started_at: int = field(default_factory=lambda: time.time_ns() // 1000)

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.2, REPORT_SECONDS, self.rng)
        self._failure_log = RateLimitedLog(_log, "this instance cannot say how it is")
        self._is_first = True

    async def run(self) -> None:
        """Report about every `REPORT_SECONDS`, until cancelled."""
        while True:
            try:
                await self.report()
            except BusUnavailableError as error:
                self._note_refusal(error)
                await asyncio.sleep(self._backoff.delay())
            except Exception as error:  # noqa: BLE001 - a service does not end because of this
                self._failure_log.log(repr(error))
                await asyncio.sleep(REPORT_SECONDS)
            else:
                self._backoff.reset()
                await asyncio.sleep(REPORT_SECONDS * self.rng.uniform(0.8, 1.0))

    async def report(self) -> None:
        """Report now.

        Raises:
            BusUnavailableError: Redis is away, or refuses; the script may be repeated.
        """
        line = self.line()
        words: list[Argument] = [
            *(self.instance_id, encode_line(line), self.started_at),
            *(int(line.ready), int(self._is_first), line.version, line.reason),
            *(_us(LOST_SECONDS), _us(_SILENCE_SECONDS), MOST_EVENTS),
        ]
        (is_stored,) = await self.bus.run([Call(scripts.REPORT, KEYS, words)])
        if is_stored:
            self._is_first = False

    def line(self) -> InstanceLine:
        """Return how this instance is now."""
        reason = self.not_ready_because()
        return InstanceLine(
            service=self.service,
            version=VERSION,
            started_at=self.started_at,
            ready=reason is None,
            reason=(reason or "")[:LONGEST_REASON],
            **asdict(self.figures()),
        )

    async def leave(self) -> None:
        """Say that this instance stops."""
        call = Call(scripts.LEAVE, KEYS, [self.instance_id, self.started_at, MOST_EVENTS])
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self.bus.run([call])
        except (BusUnavailableError, TimeoutError):
            pass  # the others will notice
        except Exception as error:  # noqa: BLE001 - as above
            self._failure_log.log(repr(error))

    def _note_refusal(self, error: BusUnavailableError) -> None:
        # All else that Redis refuses, it refuses to others as well, and they say so.
        if isinstance(error, RefusedError) and error.refusal.code == NOPERM:
            self._failure_log.log(error)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
