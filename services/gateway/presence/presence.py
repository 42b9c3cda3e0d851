"""Telling Redis which devices are connected here, and who of the other gateways is dead.

Renewing costs one command per gateway, whatever the number of its devices: theirs
is told only when it changes, or when Redis may have lost it. No light rests on any
of this, so whatever fails here is only told later.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from redis.exceptions import ResponseError

from services.gateway import metrics, scripts
from services.gateway.chargers.redis_clock import RedisClock
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.presence.connected_devices import ConnectedDevices, DeviceState
from services.gateway.presence.gateway_members import GatewayMembers
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Argument, Call, Script
from shared.contract.names import GATEWAYS, ChargerNames, Names, WidgetNames
from shared.contract.presence import DEAD_SECONDS, RENEW_SECONDS
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_MICROSECONDS: Final = 1_000_000
_HOLDS_SECONDS: Final = 1.0
"""What reaches Redis later than so is refused: the opposite may have been said since."""
_CLOCKS_APART_SECONDS: Final = 0.1
"""How far the clocks of a cluster's servers may be apart: that a gateway is dead is known
by the clock of one, and what it noted bears the times of others."""
_TAGS_PER_EXCHANGE: Final = 2
"""Tags swept in one exchange: each looks at all devices of its tag, and readings wait."""


class Times(NamedTuple):
    """How long what takes, in seconds."""

    renew: float = RENEW_SECONDS
    dead: float = DEAD_SECONDS
    forget: float = 60.0
    """When a dead gateway is taken off the list, after everything of it was swept."""
    pause: float = 0.02
    """Between two exchanges with Redis while there is more to do."""


class _Kind(NamedTuple):
    """What differs between chargers and widgets."""

    attendance: ConnectedDevices
    tags: Sequence[ChargerNames] | Sequence[WidgetNames]
    attend: Script
    sweep: Script
    postponed: dict[str, DeviceState]
    """What is told again with the next renewal, by device."""


class _Sweep:
    """Turning devices of one gateway to offline, tag by tag.

    Args:
        gateway: Whose devices.
        left: When they left, in µs; 0: now.
        until: What was noted later stays, in µs.
        remaining: The tags: the number of the kind, and the partition.

    Attributes:
        failed: Tags put aside until the next renewal: somebody broke their keys.
    """

    __slots__ = ("failed", "gateway", "left", "remaining", "until")

    def __init__(
        self, gateway: str, left: int, until: int, remaining: list[tuple[int, int]]
    ) -> None:
        self.gateway = gateway
        self.left = left
        self.until = until
        self.remaining = remaining
        self.failed: list[tuple[int, int]] = []

    @property
    def is_done(self) -> bool:
        """Whether all tags were swept."""
        return not (self.remaining or self.failed)

    def try_again(self) -> None:
        """Sweep what was put aside."""
        self.remaining += self.failed
        self.failed = []


class Presence:
    """Keeps Redis told of who is here.

    Args:
        bus: One that no reading waits for.
        names: Names in Redis.
        gate: Where connections note who comes and goes.
        instance_id: Under which this gateway is known to the others.
        rng: Jitter.
        times: How long what takes.
        clock: Monotonic time in seconds.
    """

    def __init__(
        self,
        bus: Bus,
        names: Names,
        gate: ConnectionContext,
        instance_id: str,
        *,
        rng: random.Random,
        times: Times = Times(),  # noqa: B008 - it never changes
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._instance_id = instance_id
        self._rng = rng
        self._times = times
        self._clock = clock
        self._redis_clock = RedisClock()
        self._backoff = Backoff(0.1, 2.0, rng)
        self._kinds = (
            _Kind(
                gate.chargers_here,
                names.chargers,
                scripts.UPDATE_CHARGER_PRESENCE,
                scripts.SWEEP_CHARGERS,
                postponed={},
            ),
            _Kind(
                gate.widgets_here,
                names.widgets,
                scripts.UPDATE_WIDGET_PRESENCE,
                scripts.SWEEP_WIDGETS,
                postponed={},
            ),
        )
        self._wake = asyncio.Event()
        self._renew_at = 0.0
        self._alive_since = 0
        self._alive_until = 0
        self._own_sweep: _Sweep | None = None
        self._sweeps: list[_Sweep] = []
        self._swept: dict[str, int] = {}
        self._not_told = RateLimitedLog(_log, "presence can not be told", clock)
        self._not_swept = RateLimitedLog(_log, "presence can not be swept", clock)
        for kind in self._kinds:
            kind.attendance.on_untold = self._wake.set
        bus.on_reconnected(self._regained)

    async def keep(self) -> None:
        """Renew, tell and sweep, until cancelled."""
        while True:
            await self._until_due()
            try:
                if self._clock() >= self._renew_at:
                    await self._renew()
                await self._sweep_some()
                await self._tell_some()
            except BusUnavailableError:
                await asyncio.sleep(self._backoff.delay())
            except ResponseError as error:
                # A key of ours that somebody made into something else, or a bug: no
                # reason to stop a gateway, and with it the lights.
                _log.error("presence can not be kept", reason=str(error))
                await asyncio.sleep(self._times.renew)
            else:
                self._backoff.reset()

    async def leave(self) -> None:
        """Tell that all devices left, and that this gateway did."""
        for kind in self._kinds:
            kind.attendance.all_left()
        try:
            await self._renew()
            own = self._own_sweep
            while own is not None and own.remaining and self._redis_clock.known:
                await self._sweep_some()
                own = self._own_sweep
            while self._has_untold and self._redis_clock.known:
                await self._tell_some()
            postponed = self._own_sweep or any(kind.postponed for kind in self._kinds)
            if not (postponed or self._has_untold):
                await self._bus.command("ZREM", GATEWAYS, self._instance_id)
        except (BusUnavailableError, ResponseError) as error:
            # The others will notice that this gateway is gone.
            _log.warning("could not say that devices left", reason=str(error))

    @property
    def _has_untold(self) -> bool:
        return any(kind.attendance.has_untold for kind in self._kinds)

    @property
    def _has_to_sweep(self) -> bool:
        return any(sweep.remaining for sweep in (self._own_sweep, *self._sweeps) if sweep)

    async def _until_due(self) -> None:
        """Wait until there is something to do."""
        if (self._has_untold or self._has_to_sweep) and self._redis_clock.known:
            # After a lost Redis all gateways have much to tell; the lights come first.
            await asyncio.sleep(self._times.pause)
            return
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._renew_at - self._clock()):
                await self._wake.wait()

    def _regained(self) -> None:
        """After a lost connection Redis may be another one, or have lost writes."""
        self._redis_clock.forget()
        self._renew_at = 0.0
        if self._alive_since:
            self._tell_all(left=0)

    # That this gateway is alive, and who else is.

    async def _renew(self) -> None:
        sent = self._clock()
        dismissed = self._dismissed()
        words: list[Argument] = [self._instance_id]
        for name, heard in dismissed.items():
            words += (name, heard)
        (answer,) = await self._bus.run([Call(scripts.HEARTBEAT, (GATEWAYS,), words)])
        received = self._clock()
        roster = GatewayMembers.read(answer, _us(self._times.dead))
        self._redis_clock.measured(roster.now, sent, received)
        self._renew_at = received + self._times.renew * self._rng.uniform(0.8, 1.0)
        self._alive_until = roster.now + _us(self._times.dead)
        for name in dismissed:
            self._swept.pop(name, None)
        if not self._alive_since or not roster.was_alive:
            # Just started; or Redis was emptied; or this process slept for so long that
            # the others took it for dead, and may be sweeping what was noted until now.
            self._alive_since = roster.now
            self._tell_all(left=0 if roster.was_alive else roster.heard_before)
        for kind in self._kinds:
            kind.attendance.give_back(kind.postponed.values())
            kind.postponed.clear()
        self._try_sweeps_again(roster)
        if roster.sweeper == self._instance_id:
            self._sweep_after(roster)

    def _tell_all(self, left: int) -> None:
        """Tell of everybody who is here, and that nobody else is."""
        for kind in self._kinds:
            kind.attendance.tell_all()
        self._own_sweep = _Sweep(self._instance_id, left, 0, self._all_tags())

    def _try_sweeps_again(self, roster: GatewayMembers) -> None:
        # One that came back sweeps up after itself.
        self._sweeps = [sweep for sweep in self._sweeps if sweep.gateway in roster.dead]
        for sweep in self._sweeps:
            sweep.try_again()
        if self._own_sweep is not None:
            self._own_sweep.try_again()

    def _sweep_after(self, roster: GatewayMembers) -> None:
        under_way = {sweep.gateway for sweep in self._sweeps}
        for name, heard in roster.dead.items():
            if name not in under_way and self._swept.get(name) != heard:
                _log.warning("a gateway is dead, its devices are offline", gateway=name)
                # It noted nothing for seconds; what is newer, it noted when it came back.
                until = roster.now - _us(_CLOCKS_APART_SECONDS)
                self._sweeps.append(_Sweep(name, heard, until, self._all_tags()))

    def _dismissed(self) -> dict[str, int]:
        """Return dead gateways of which nothing is left to do."""
        if not self._redis_clock.known:
            return {}
        long_ago = self._redis_clock.earliest(self._clock()) - _us(self._times.forget)
        return {name: heard for name, heard in self._swept.items() if heard < long_ago}

    def _all_tags(self) -> list[tuple[int, int]]:
        return [(i, tag.partition) for i, kind in enumerate(self._kinds) for tag in kind.tags]

    # Sweeping.

    async def _sweep_some(self) -> None:
        if not self._redis_clock.known:
            return
        own = self._own_sweep
        if own is not None and own.remaining:
            # What arrives from now on is noted later than so, and stays.
            until = self._redis_clock.earliest(self._clock())
            await self._sweep(own, until, [kind.attendance.here() for kind in self._kinds])
            if own.is_done and self._own_sweep is own:
                self._own_sweep = None
        sweep = next((sweep for sweep in self._sweeps if sweep.remaining), None)
        if sweep is not None:
            await self._sweep(sweep, sweep.until, [{} for _ in self._kinds])
            if sweep.is_done:
                self._sweeps.remove(sweep)
                self._swept[sweep.gateway] = sweep.left

    async def _sweep(
        self, sweep: _Sweep, until: int, staying: Sequence[dict[int, list[DeviceState]]]
    ) -> None:
        tags = sweep.remaining[:_TAGS_PER_EXCHANGE]
        calls: list[Call] = []
        for index, number in tags:
            kind = self._kinds[index]
            names = kind.tags[number]
            words: list[Argument] = [names.presence_changes, sweep.gateway, until, sweep.left]
            for standing in staying[index].get(number, ()):
                words += (standing.device_id, standing.epoch)
            calls.append(Call(kind.sweep, (names.presence,), words))
        for tag, reply in zip(tags, await self._bus.run_each(calls), strict=True):
            if isinstance(reply, ResponseError):
                # A key that somebody broke. The others are swept all the same.
                self._not_swept.log(reply)
                sweep.failed.append(tag)
            else:
                metrics.SWEPT.inc(reply)
        del sweep.remaining[: len(tags)]

    # Telling.

    async def _tell_some(self) -> None:
        if not self._redis_clock.known:
            return
        batches: list[tuple[_Kind, int, list[DeviceState]]] = []
        most = ITEMS_PER_EXCHANGE
        for kind in self._kinds:
            taken = kind.attendance.take(most)
            most -= len(taken)
            batches += [(kind, number, batch) for number, batch in by_slot(taken, _partition)]
        if not batches:
            return
        try:
            replies = await self._bus.run_each([self._telling(*batch) for batch in batches])
        except BusUnavailableError:
            # Whether the scripts ran is unknown; all of them may be repeated.
            for kind, _, batch in batches:
                kind.attendance.give_back(batch)
            raise
        for (kind, _, batch), answers in zip(batches, replies, strict=True):
            if isinstance(answers, ResponseError):
                # A key that somebody broke: again with the next renewal, all others now.
                self._not_told.log(answers)
                kind.postponed.update((standing.device_id, standing) for standing in batch)
                continue
            for standing, answer in zip(batch, answers, strict=True):
                self._answered(kind, standing, answer)

    def _telling(self, kind: _Kind, number: int, batch: list[DeviceState]) -> Call:
        names = kind.tags[number]
        holds_until = self._redis_clock.earliest(self._clock() + _HOLDS_SECONDS)
        words: list[Argument] = [
            names.presence_changes,
            self._instance_id,
            self._alive_since,
            # Nor longer than this gateway counts as alive: it may have slept just now.
            min(holds_until, self._alive_until),
        ]
        for standing in batch:
            words += (standing.device_id, standing.epoch, int(standing.here))
        return Call(kind.attend, (names.directory, names.directory_version, names.presence), words)

    def _answered(self, kind: _Kind, standing: DeviceState, answer: bytes) -> None:
        match answer:
            case b"noted" | b"superseded" | b"unregistered":
                kind.attendance.told(standing)
            case b"absent":
                # Nobody is known right now: again with the next renewal.
                kind.postponed[standing.device_id] = standing
            case b"late":
                # Or the clocks have parted: measure them again.
                self._redis_clock.forget()
                kind.postponed[standing.device_id] = standing
            case _:
                raise AssertionError(f"unknown answer of the attend scripts: {answer!r}")


def _us(seconds: float) -> int:
    return round(seconds * _MICROSECONDS)


def _partition(standing: DeviceState) -> int:
    return standing.partition
