"""This gateway's heartbeat, and everything that depends on it: who is online, and where.

A heartbeat costs one command per gateway, whatever the number of its devices: these
are sent only when they change, or when Redis may have lost them. No light depends on
this, so whatever fails here is only sent later.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.device_kind import device_kinds
from services.gateway.presence.gateway_members import HeartbeatWatch
from services.gateway.presence.sweeps import Sweeps
from services.gateway.presence.updates import PresenceUpdates
from services.gateway.redis_clocks import RedisClock
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.names import GATEWAYS, Names
from shared.contract.presence import DEAD_SECONDS, RENEW_SECONDS
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.waiting import wait_for_event

_log = logs.get(__name__)

_MICROSECONDS: Final = 1_000_000
_LEAVING_ROUNDS: Final = 3
_RESEND_TURNS: Final = 30
"""In so many heartbeats all devices are sent again: what was changed by hand lasts a minute."""


class Times(NamedTuple):
    """Intervals, in seconds."""

    renew: float = RENEW_SECONDS
    """Between two heartbeats."""
    dead: float = DEAD_SECONDS
    """A gateway counts as dead after so long without a heartbeat."""
    forget: float = 60.0
    """A dead gateway is taken off the list after so long, if it was swept."""
    pause: float = 0.02
    """Between two exchanges with Redis while there is more to do."""


@dataclass(eq=False, repr=False)
class Presence:
    """Keeps Redis informed of who is connected here, and sweeps up after dead gateways."""

    bus: Bus
    """One that no reading waits for."""
    names: Names
    chargers: ConnectedDevices
    widgets: ConnectedDevices
    instance_id: str
    """Under which this gateway is known to the others."""
    rng: random.Random
    times: Times = Times()  # noqa: RUF009 - it never changes
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._devices = (self.chargers, self.widgets)
        self._redis_clock = RedisClock()
        self._backoff = Backoff(0.1, 2.0, self.rng)
        kinds = device_kinds(self.names, self.chargers, self.widgets)
        self._updates = PresenceUpdates(
            self.bus, kinds, self.instance_id, self._redis_clock, self.clock
        )
        self._sweeps = Sweeps(self.bus, kinds, self.instance_id, self.clock)
        self._watch = HeartbeatWatch(self.times.dead)
        self._wake = asyncio.Event()
        self._heartbeat_at = 0.0
        self._turn = 0
        for devices in self._devices:
            devices.on_unsent = self._wake.set
        self.bus.on_reconnected(self._on_reconnected)

    async def keep(self) -> None:
        """Send heartbeats and updates, and sweep, until cancelled."""
        while True:
            await self._until_due()
            try:
                if self.clock() >= self._heartbeat_at:
                    await self._heartbeat()
                await self._sweep_some()
                await self._send_some()
            except BusUnavailableError:
                await asyncio.sleep(self._backoff.delay())
            except ResponseError as error:
                # A key of another type, or a bug: no reason to stop a gateway, and with
                # it the lights.
                _log.error("presence cannot be kept", reason=str(error))
                await asyncio.sleep(self.times.renew)
            else:
                self._backoff.reset()

    async def leave(self) -> None:
        """Send that all devices left, and that this gateway did."""
        for devices in self._devices:
            devices.disconnect_all()
        try:
            # What came too late on a slow way goes again: each heartbeat measures the time again.
            for _ in range(_LEAVING_ROUNDS):
                await self._heartbeat()
                while self._sweeps.own_remains and self._redis_clock.known:
                    await self._sweep_some()
                while self._updates.has_unsent and self._redis_clock.known:
                    await self._send_some()
                if not self._has_unfinished:
                    await self.bus.command("ZREM", GATEWAYS, self.instance_id)
                    return
        except (BusUnavailableError, ResponseError) as error:
            # The others will notice that this gateway is gone.
            _log.warning("could not tell redis that devices left", reason=str(error))

    @property
    def _has_unfinished(self) -> bool:
        updates = self._updates
        return not self._sweeps.own_is_done or updates.has_postponed or updates.has_unsent

    async def _until_due(self) -> None:
        """Wait until there is something to do."""
        if (self._updates.has_unsent or self._sweeps.has_remaining) and self._redis_clock.known:
            # After a lost Redis all gateways have much to send; the lights come first.
            await asyncio.sleep(self.times.pause)
            return
        self._wake.clear()
        await wait_for_event(self._wake, self._heartbeat_at - self.clock())

    async def _sweep_some(self) -> None:
        if self._redis_clock.known:
            await self._sweeps.sweep_some(self._redis_clock.earliest(self.clock()))

    async def _send_some(self) -> None:
        if self._redis_clock.known:
            await self._updates.send_some()

    def _on_reconnected(self) -> None:
        # Redis may be another server, or have lost writes.
        self._redis_clock.forget()
        self._heartbeat_at = 0.0
        if self._updates.alive_since:
            self._resend_all(left=0)

    async def _heartbeat(self) -> None:
        sent = self.clock()
        forgotten = self._gateways_to_forget()
        words: list[Argument] = [self.instance_id]
        for name, heartbeat in forgotten.items():
            words += (name, heartbeat)
        (answer,) = await self.bus.run([Call(scripts.HEARTBEAT, (GATEWAYS,), words)])
        received = self.clock()
        members = self._watch.look(answer, received)
        self._redis_clock.update(members.now, sent, received)
        self._heartbeat_at = received + self.times.renew * self.rng.uniform(0.8, 1.0)
        self._updates.alive_until = members.now + _us(self.times.dead)
        for name in forgotten:
            self._sweeps.forget(name)
        if not self._updates.alive_since or not members.was_alive:
            # Just started; or Redis was emptied; or this process slept for so long that
            # the others took it for dead, and may be sweeping what was stored until now.
            self._updates.alive_since = members.now
            self._resend_all(left=0 if members.was_alive else members.previous_heartbeat)
        self._updates.resume()
        self._sweeps.on_heartbeat(members)
        self._resend_some()

    def _resend_some(self) -> None:
        self._turn = (self._turn + 1) % _RESEND_TURNS
        for devices in self._devices:
            for partition in range(self._turn, self.names.partitions, _RESEND_TURNS):
                devices.resend(partition)

    def _gateways_to_forget(self) -> dict[str, int]:
        if not self._redis_clock.known:
            return {}
        now = self._redis_clock.earliest(self.clock())
        return self._sweeps.swept_before(now - _us(self.times.forget))

    def _resend_all(self, left: int) -> None:
        """Send all devices that are connected; all others left then (µs; 0: now)."""
        for devices in self._devices:
            devices.resend_all()
        self._sweeps.sweep_own(left)


def _us(seconds: float) -> int:
    return round(seconds * _MICROSECONDS)
