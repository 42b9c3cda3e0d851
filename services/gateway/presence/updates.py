"""Sending Redis which devices connected and which left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from redis.exceptions import ResponseError

from services.gateway.presence.connected_devices import DeviceState
from services.gateway.presence.device_kind import DeviceKind
from services.gateway.redis_clocks import RedisClock
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument, Call
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_VALID_SECONDS: Final = 1.0
"""An update that reaches Redis later is refused: the opposite may have been sent since."""


@dataclass(eq=False, repr=False)
class PresenceUpdates:
    """Sends changed states of devices.

    Attributes:
        alive_since: Since when this gateway counts as alive without a break, in µs.
        alive_until: How long it counts as alive at least, in µs.
    """

    bus: Bus
    kinds: Sequence[DeviceKind]
    instance_id: str
    """Under which this gateway is known to the others."""
    redis_clock: RedisClock
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._failure_log = RateLimitedLog(_log, "presence cannot be updated", self.clock)
        self.alive_since = 0
        self.alive_until = 0

    @property
    def has_unsent(self) -> bool:
        """Whether there is something to send now."""
        return any(kind.devices.has_unsent for kind in self.kinds)

    @property
    def has_postponed(self) -> bool:
        """Whether something waits for the next heartbeat."""
        return any(kind.devices.has_postponed for kind in self.kinds)

    def resume(self) -> None:
        """Have all that was postponed sent again."""
        for kind in self.kinds:
            kind.devices.resume()

    async def send_some(self) -> None:
        """Send as much as one exchange with Redis may have.

        Raises:
            BusUnavailableError: Redis is away; nothing is lost.
        """
        batches: list[tuple[DeviceKind, list[DeviceState]]] = []
        most = ITEMS_PER_EXCHANGE
        for kind in self.kinds:
            states = kind.devices.take(most)
            most -= len(states)
            batches += [(kind, batch) for _, batch in by_slot(states, lambda s: s.partition)]
        if not batches:
            return
        try:
            calls = [self._update_call(*batch) for batch in batches]
            replies = await self.bus.run(calls, return_errors=True)
        except BusUnavailableError:
            # Whether the scripts ran is unknown; all of them may be repeated.
            for kind, batch in batches:
                kind.devices.put_back(batch)
            raise
        for (kind, batch), answers in zip(batches, replies, strict=True):
            if isinstance(answers, ResponseError):
                # A key of another type: only its batch waits.
                self._failure_log.log(answers)
                kind.devices.postpone(batch)
                continue
            for state, answer in zip(batch, answers, strict=True):
                self._on_answer(kind, state, answer)

    def _update_call(self, kind: DeviceKind, batch: list[DeviceState]) -> Call:
        names = kind.tags[batch[0].partition]
        deadline = self.redis_clock.earliest(self.clock() + _VALID_SECONDS)
        words: list[Argument] = [
            names.presence_changes,
            self.instance_id,
            self.alive_since,
            # Nor longer than this gateway counts as alive: it may have slept just now.
            min(deadline, self.alive_until),
        ]
        for state in batch:
            words += (state.device_id, state.epoch, int(state.connected))
        keys = (names.directory, names.directory_version, names.presence)
        return Call(kind.update_script, keys, words)

    def _on_answer(self, kind: DeviceKind, state: DeviceState, answer: bytes) -> None:
        match answer:
            case b"noted" | b"superseded" | b"unregistered":
                kind.devices.confirm(state)
            case b"absent":
                kind.devices.postpone([state])
            case b"late":
                # Or the clocks have drifted apart: measure them again.
                self.redis_clock.forget()
                kind.devices.postpone([state])
            case _:
                raise AssertionError(f"unknown answer of an update_presence script: {answer!r}")
