"""All widgets connected to this gateway: subscribe, then read, then only what is newer."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from services.gateway import scripts
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.redis_clocks import RedisClocks
from services.gateway.widgets.status_latency import StatusLatency
from services.gateway.widgets.widget_connection import WidgetConnection
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Call
from shared.bus.subscriber import Subscriber
from shared.contract.device_protocol import CloseCode
from shared.contract.doorbells import Revision, StatusDoorbell, decode_status
from shared.contract.names import Names, partition_of
from shared.contract.presence import RefusalReason
from shared.contract.tolerant_json import NOT_DECODABLE
from shared.process import logs
from shared.process.backoff import Backoff
from shared.redis_state.values import decode_stored_status

if TYPE_CHECKING:
    from services.gateway.widgets.status_traces import StatusTraces

_log = logs.get(__name__)

_CUT_OFF_SECONDS: Final = 5.0
"""At the latest so long after the time set for silence, a silent device is cut off."""


@dataclass(slots=True, eq=False, repr=False)
class _Group:
    """The connections of one widget."""

    widget_id: str
    partition: int
    channel: str
    members: set[WidgetConnection] = field(default_factory=set)
    newest: StatusDoorbell | None = None
    """The newest status received since the channel was subscribed: a connection whose snapshot
    is on its way must not miss it."""
    shared: frozenset[WidgetConnection] = frozenset()
    """Those there when more than one was last seen; a dead one is cut off before the next look."""
    _fence: tuple[int, ...] = ()
    _replaced: Revision | msgspec.UnsetType = msgspec.UNSET

    def keep_newest(self, status: StatusDoorbell) -> bool:
        """Keep a status if it is the newest; tell whether it counts.

        One that another one replaced does not: a snapshot of it may still be on its way.
        """
        if status.replaces is not msgspec.UNSET:
            # Another light of the same reading: with other thresholds this revision counts again.
            if status.replaces != status.revision:
                self._replaced = status.replaces
        elif status.revision == self._replaced:
            return False
        fence = status.fence
        if fence > self._fence or status.replaces == self._fence[1:3]:
            self.newest, self._fence = status, fence
        return True


@dataclass(eq=False, repr=False)
class Widgets:
    """The widgets connected here, by id."""

    bus: Bus
    subscriber: Subscriber
    names: Names
    context: ConnectionContext
    devices: ConnectedDevices
    """Where registered widgets are noted."""
    trust: DirectoryTrust
    rng: random.Random

    def __post_init__(self) -> None:
        self.traces: StatusTraces | None = None
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._groups: dict[str, _Group] = {}
        self._by_channel: dict[str, _Group] = {}
        self._unread: set[str] = set()
        self._wake = asyncio.Event()
        clocks = RedisClocks(self.bus, self.context.clock)
        self.latency = StatusLatency(self.bus, self.names, clocks, self.rng)
        self.bus.on_reconnected(self.read_all)
        self.trust.on_restored(self.read_all)

    # Events of connections (`services.gateway.widgets.widget_connection.WidgetEvents`).

    def on_connected(self, widget: WidgetConnection) -> None:
        """Give a widget its status: subscribe, wait for the confirmation, then read."""
        group = self._groups.get(widget.device_id)
        if group is None:
            partition = partition_of(widget.device_id, self.names.partitions)
            channel = self.names.widgets[partition].status_channel(widget.device_id)
            group = _Group(widget.device_id, partition, channel)
            self._groups[group.widget_id] = self._by_channel[channel] = group
            self.subscriber.subscribe([channel], self)
        group.members.add(widget)
        if len(group.members) > 1 and not group.shared:
            self._look_again_at_shared(group)
        if self.subscriber.is_confirmed(group.channel):
            self._read_soon([group.widget_id])

    def _look_again_at_shared(self, group: _Group) -> None:
        """Look at a widget with several connections again, when dead ones are gone."""
        group.shared = frozenset(group.members) if len(group.members) > 1 else frozenset()
        if group.shared:
            after = self.context.settings.silence_seconds + _CUT_OFF_SECONDS
            asyncio.get_running_loop().call_later(after, self._check_shared, group)

    def _check_shared(self, group: _Group) -> None:
        """Note two devices with one id: both connections have outlived a dead one."""
        alive = group.shared & group.members
        if len(alive) > 1:
            for widget in alive:
                widget.connection.note_refusal(RefusalReason.SHARED_ID)
        self._look_again_at_shared(group)

    def on_disconnected(self, widget: WidgetConnection) -> None:
        """Forget a connection; the last one of a widget ends the subscription."""
        group = self._groups.get(widget.device_id)
        if group is None:
            return
        group.members.discard(widget)
        if not group.members:
            del self._groups[group.widget_id]
            del self._by_channel[group.channel]
            self._unread.discard(group.widget_id)
            self.subscriber.unsubscribe([group.channel])
            self.devices.disconnect(group.widget_id)

    # Events of Redis.

    def on_message(self, channel: str, payload: bytes) -> None:
        """Take a status from its channel."""
        group = self._by_channel[channel]
        try:
            status = decode_status(payload)
        except NOT_DECODABLE as error:
            # Anything can be published with redis-cli: no reason to stop.
            _log.warning("not a status", channel=channel, reason=str(error))
            return
        before = group.newest
        if not group.keep_newest(status):
            return
        is_written = False
        for widget in group.members:
            if widget.pairing is not None and status.pairing > widget.pairing:
                # Paired again: what is stored decides what becomes of this connection.
                self._read_soon([group.widget_id])
            if widget.show(status):
                is_written = True
        if is_written:
            self._note_written(group.partition, status, before)

    def _note_written(
        self, partition: int, status: StatusDoorbell, before: StatusDoorbell | None
    ) -> None:
        """Measure and trace a status that was just written; ``before`` was the newest before."""
        # Not of a reading that was shown before, and is again by other thresholds.
        is_first = before is None or before.revision != status.revision
        if is_first and status.received_at is not msgspec.UNSET:
            self.latency.note(partition, status.received_at)
            if self.traces is not None:
                self.traces.on_written(status)

    def on_confirmed(self, channels: list[str]) -> None:
        """Read the statuses of channels that Redis confirmed: from now on none is missed."""
        self._read_soon(self._by_channel[channel].widget_id for channel in channels)

    def read_all(self) -> None:
        """Read all registrations and statuses again."""
        self._read_soon(self._groups)

    def on_directory_change(self, partition: int, ids: list[str]) -> None:
        """Read what is stored of these widgets again (none: all of the partition)."""
        self._read_soon(
            (i for i in ids if i in self._groups)
            if ids
            else (g.widget_id for g in self._groups.values() if g.partition == partition)
        )

    # Reading.

    def _read_soon(self, widget_ids: Iterable[str]) -> None:
        self._unread.update(widget_ids)
        if self._unread:
            self._wake.set()

    async def read(self) -> None:
        """Read registrations and statuses, in batches, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            unread, self._unread = self._unread, set()
            groups = [self._groups[i] for i in unread if i in self._groups]
            try:
                while groups:
                    await self._read_batch(groups[:ITEMS_PER_EXCHANGE])
                    del groups[:ITEMS_PER_EXCHANGE]
            except BusUnavailableError:
                self._read_soon(group.widget_id for group in groups)
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    async def _read_batch(self, groups: list[_Group]) -> None:
        # Until the subscription is confirmed, a status could be missed that is published
        # just after this reading; the confirmation has the widget read again.
        confirmed = [group for group in groups if self.subscriber.is_confirmed(group.channel)]
        batches = [
            (self.names.widgets[partition], batch)
            for partition, batch in by_slot(confirmed, lambda group: group.partition)
        ]
        if not batches:
            return
        calls = [
            Call(
                scripts.READ_STATUS,
                (names.directory, names.directory_version, names.statuses),
                [group.widget_id for group in batch],
            )
            for names, batch in batches
        ]
        replies = await self.bus.run(calls)
        unlit: list[str] = []
        for (_, batch), answers in zip(batches, replies, strict=True):
            facts = zip(answers[::3], answers[1::3], answers[2::3], strict=True)
            for group, (registration, status, charger) in zip(batch, facts, strict=True):
                self._on_answer(group, registration, status)
                if charger:
                    unlit.append(charger.decode(errors="replace"))
        await self._mark_pending(unlit)

    async def _mark_pending(self, charger_ids: list[str]) -> None:
        """Have readings routed again whose statuses are missing: Redis may have lost them."""
        batches = by_slot(charger_ids, self.names.of_charger)
        if not batches:
            return
        await self.bus.run(
            [
                Call(scripts.MARK_PENDING, (names.directory, names.live, names.pending), batch)
                for names, batch in batches
            ]
        )

    def _on_answer(self, group: _Group, registration: bytes, status: bytes) -> None:
        match self.trust.read(registration):
            case b"unregistered":
                _log.info("widget is not registered", widget_id=group.widget_id)
                for widget in list(group.members):
                    widget.close(CloseCode.NOT_REGISTERED, "this widget is not registered")
            case b"absent":
                # Read again when the directory changes, or the doubt about it ends.
                self.context.waiting.update(w for w in group.members if w.pairing is None)
            case number:
                known, before = decode_stored_status(status), group.newest
                if known is not None:
                    group.keep_newest(known)
                is_late = False
                for widget in list(group.members):
                    was_read = widget.pairing is not None
                    is_written = self._update(group, widget, int(number))
                    is_late |= is_written and was_read
                if is_late and group.newest is not None:
                    # Its message was lost, and so it counts: it is what came late.
                    self._note_written(group.partition, group.newest, before)

    def _update(self, group: _Group, widget: WidgetConnection, pairing: int) -> bool:
        """Bring a connection up to date; tell whether a status was written to it."""
        if widget.pairing is None:
            self.context.waiting.discard(widget)
            widget.pairing = pairing
            if widget.is_open:
                self.devices.connect(widget.device_id, group.partition)
        elif pairing < widget.pairing:
            # Numbers only grow: Redis is behind (an old snapshot, a replica that was
            # promoted too early). Go on showing what is known; it will catch up.
            return False
        elif pairing > widget.pairing:
            # Dark until the first status of the new pairing: a widget is dark when it
            # connects (firmware rule), so it is made to connect again.
            widget.close(CloseCode.GOING_AWAY, "the pairing changed")
            return False
        return group.newest is not None and widget.show(group.newest)
