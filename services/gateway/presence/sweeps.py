"""Turning devices offline that a gateway cannot report any more: it died, or was restarted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from redis.exceptions import ResponseError

from services.gateway import metrics
from services.gateway.presence.device_kind import DeviceKind
from services.gateway.presence.gateway_members import GatewayMembers
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.names import ChargerNames, WidgetNames
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_CLOCK_SKEW_MICROSECONDS: Final = 100_000
"""How far the clocks of a cluster's servers may be apart: that a gateway is dead is known
by the clock of one, and its devices were stored with the times of others."""
_TAGS_PER_EXCHANGE: Final = 2
"""Tags swept in one exchange: each looks at all devices of its tag, and readings wait."""


class _Tag(NamedTuple):
    kind: DeviceKind
    names: ChargerNames | WidgetNames


@dataclass(eq=False, repr=False)
class _Sweep:
    """Turning all devices of one gateway offline, tag by tag."""

    gateway: str
    left: int
    """When its devices left, in µs; 0: now."""
    until: int
    """What was stored later stays, in µs."""
    remaining: list[_Tag]
    failed: list[_Tag] = field(default_factory=list)
    """Put aside until the next heartbeat: their key has another type."""

    @property
    def is_done(self) -> bool:
        """Whether all tags were swept."""
        return not (self.remaining or self.failed)

    def retry(self) -> None:
        """Sweep what was put aside."""
        self.remaining += self.failed
        self.failed = []


@dataclass(eq=False, repr=False)
class Sweeps:
    """The sweep of this gateway's own past, and those of dead gateways."""

    bus: Bus
    kinds: Sequence[DeviceKind]
    instance_id: str
    """Under which this gateway is known to the others."""
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._tags = [_Tag(kind, names) for kind in self.kinds for names in kind.tags]
        self._failure_log = RateLimitedLog(_log, "presence cannot be swept", self.clock)
        self._own: _Sweep | None = None
        self._others: list[_Sweep] = []
        self._swept: dict[str, int] = {}

    @property
    def has_remaining(self) -> bool:
        """Whether there is something to sweep now."""
        return self.own_remains or any(sweep.remaining for sweep in self._others)

    @property
    def own_remains(self) -> bool:
        """Whether there is something of this gateway to sweep now."""
        return self._own is not None and bool(self._own.remaining)

    @property
    def own_is_done(self) -> bool:
        """Whether nothing of this gateway is left to sweep, now or later."""
        return self._own is None

    def sweep_own(self, left: int) -> None:
        """Turn all devices offline that are not connected: they left then (µs; 0: now)."""
        self._own = _Sweep(self.instance_id, left, 0, list(self._tags))

    def on_heartbeat(self, members: GatewayMembers) -> None:
        """Retry what was put aside; begin with gateways that died, if that is this one's task."""
        # One that came back sweeps up after itself.
        self._others = [sweep for sweep in self._others if sweep.gateway in members.dead]
        for sweep in (self._own, *self._others):
            if sweep is not None:
                sweep.retry()
        if members.sweeper != self.instance_id:
            return
        begun = {sweep.gateway for sweep in self._others}
        for name, heartbeat in members.dead.items():
            if name not in begun and self._swept.get(name) != heartbeat:
                _log.warning("a gateway is dead, its devices are offline", gateway=name)
                # It stored nothing for seconds; what is newer, it stored when it came back.
                until = members.now - _CLOCK_SKEW_MICROSECONDS
                self._others.append(_Sweep(name, heartbeat, until, list(self._tags)))

    def swept_before(self, moment: int) -> dict[str, int]:
        """Return the swept gateways whose last heartbeat was before a moment (µs), and when."""
        return {name: heartbeat for name, heartbeat in self._swept.items() if heartbeat < moment}

    def forget(self, gateway: str) -> None:
        """Forget that a gateway was swept."""
        self._swept.pop(gateway, None)

    async def sweep_some(self, now: int) -> None:
        """Sweep a few tags, ``now`` by Redis' time (µs, never too late).

        Raises:
            BusUnavailableError: Redis is away; the scripts may be repeated.
        """
        own = self._own
        if own is not None and own.remaining:
            # What connects from now on is stored with a later time, and stays.
            own.until = now
            await self._sweep_tags(own)
            if own.is_done and self._own is own:
                self._own = None
        sweep = next((sweep for sweep in self._others if sweep.remaining), None)
        if sweep is not None:
            await self._sweep_tags(sweep)
            if sweep.is_done:
                self._others.remove(sweep)
                self._swept[sweep.gateway] = sweep.left

    async def _sweep_tags(self, sweep: _Sweep) -> None:
        tags = sweep.remaining[:_TAGS_PER_EXCHANGE]
        calls = [self._sweep_call(sweep, tag) for tag in tags]
        replies = await self.bus.run(calls, return_errors=True)
        for tag, reply in zip(tags, replies, strict=True):
            if isinstance(reply, ResponseError):
                # A key of another type. The others are swept all the same.
                self._failure_log.log(reply)
                sweep.failed.append(tag)
            else:
                metrics.SWEPT.inc(reply)
        del sweep.remaining[: len(tags)]

    def _sweep_call(self, sweep: _Sweep, tag: _Tag) -> Call:
        names = tag.names
        words: list[Argument] = [names.presence_changes, sweep.gateway, sweep.until, sweep.left]
        if sweep is self._own:
            for state in tag.kind.devices.of_partition(names.partition):
                words += (state.device_id, state.epoch)
        return Call(tag.kind.sweep_script, (names.presence,), words)
