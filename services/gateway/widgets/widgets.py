"""All widgets connected to this gateway: subscribe, then read, then only what is newer."""

import asyncio
import random
from collections.abc import Iterable
from typing import Final

from services.gateway import scripts
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.widgets.widget_connection import WidgetConnection
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Call
from shared.bus.subscriber import Subscriber
from shared.contract.device_protocol import CloseCode
from shared.contract.doorbells import StatusDoorbell, decode_status
from shared.contract.names import Names, partition_of
from shared.contract.tolerant_json import NOT_DECODABLE
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_RETRY_SECONDS: Final = 0.5
"""How soon a widget is looked at again that can not be judged yet."""


class _Group:
    """The connections of one widget.

    Attributes:
        newest: The newest status heard since the channel was subscribed: a
            connection whose snapshot is on its way must not miss it.
    """

    __slots__ = ("channel", "members", "newest", "partition", "widget_id")

    def __init__(self, widget_id: str, partition: int, channel: str) -> None:
        self.widget_id = widget_id
        self.partition = partition
        self.channel = channel
        self.members: set[WidgetConnection] = set()
        self.newest: StatusDoorbell | None = None

    def hear(self, status: StatusDoorbell) -> None:
        """Keep a status if it is the newest."""
        if self.newest is None or status.fence > self.newest.fence:
            self.newest = status


class Widgets:
    """The widgets connected here, by id.

    Args:
        bus: For the script.
        subscriber: For the widgets' channels.
        names: Names in Redis.
        gate: Where connections that wait for the directory are counted.
        rng: Jitter of the retries.
    """

    def __init__(
        self,
        bus: Bus,
        subscriber: Subscriber,
        names: Names,
        gate: ConnectionContext,
        rng: random.Random,
    ) -> None:
        self._bus = bus
        self._subscriber = subscriber
        self._names = names
        self._gate = gate
        self._backoff = Backoff(0.05, 0.5, rng)
        self._groups: dict[str, _Group] = {}
        self._by_channel: dict[str, _Group] = {}
        self._unread: set[str] = set()
        self._wake = asyncio.Event()
        bus.on_reconnected(self.read_all)

    # What connections say (`services.gateway.widgets.widget_connection.WidgetEvents`).

    def joined(self, widget: WidgetConnection) -> None:
        """Give a widget its status: subscribe, wait for the confirmation, then read."""
        group = self._groups.get(widget.device_id)
        if group is None:
            partition = partition_of(widget.device_id, self._names.partitions)
            channel = self._names.widgets[partition].status_channel(widget.device_id)
            group = _Group(widget.device_id, partition, channel)
            self._groups[group.widget_id] = self._by_channel[channel] = group
            self._subscriber.subscribe([channel])
        group.members.add(widget)
        if self._subscriber.is_confirmed(group.channel):
            self._read_soon([group.widget_id])

    def left(self, widget: WidgetConnection) -> None:
        """Forget a connection; the last one of a widget ends the subscription."""
        group = self._groups.get(widget.device_id)
        if group is None:
            return
        group.members.discard(widget)
        if not group.members:
            del self._groups[group.widget_id]
            del self._by_channel[group.channel]
            self._unread.discard(group.widget_id)
            self._subscriber.unsubscribe([group.channel])
            self._gate.widgets_here.left(group.widget_id)

    # What Redis says.

    def heard(self, channel: str, payload: bytes) -> None:
        """Take a status from its channel."""
        group = self._by_channel.get(channel)
        if group is None:
            return  # was unsubscribed a moment ago
        try:
            status = decode_status(payload)
        except NOT_DECODABLE as error:
            # Somebody tried something with redis-cli: no reason to stop.
            _log.warning("not a status", channel=channel, reason=str(error))
            return
        group.hear(status)
        for widget in group.members:
            if widget.pairing is not None and status.pairing > widget.pairing:
                # Paired anew: what is stored says what to do with this connection.
                self._read_soon([group.widget_id])
            widget.show(status)

    def confirmed(self, channels: Iterable[str]) -> None:
        """Read the statuses of channels that Redis confirmed: now nothing can fall between."""
        self._read_soon(
            self._by_channel[channel].widget_id
            for channel in channels
            if channel in self._by_channel
        )

    def read_all(self) -> None:
        """Read all statuses again: after Redis was lost."""
        self._read_soon(self._groups)

    def changed(self, partition: int, ids: list[str]) -> None:
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
                    await self._observe(groups[:ITEMS_PER_EXCHANGE])
                    del groups[:ITEMS_PER_EXCHANGE]
            except BusUnavailableError:
                self._read_soon(group.widget_id for group in groups)
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    async def _observe(self, groups: list[_Group]) -> None:
        # Before the subscription is confirmed a status could fall between the reading
        # and the hearing; the confirmation will bring us here again.
        heard = [group for group in groups if self._subscriber.is_confirmed(group.channel)]
        batches = [
            (self._names.widgets[partition], batch)
            for partition, batch in by_slot(heard, lambda group: group.partition)
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
        replies = await self._bus.run(calls)
        for (_, batch), answers in zip(batches, replies, strict=True):
            pairs = zip(answers[::2], answers[1::2], strict=True)
            for group, (registration, status) in zip(batch, pairs, strict=True):
                self._observed(group, registration, status)

    def _observed(self, group: _Group, registration: bytes, status: bytes) -> None:
        match registration:
            case b"unregistered" if self._gate.distrusts_missing_entries:
                self._gate.waiting.update(w for w in group.members if w.pairing is None)
                loop = asyncio.get_running_loop()
                loop.call_later(_RETRY_SECONDS, self._read_soon, [group.widget_id])
            case b"unregistered":
                _log.info("widget is not registered", widget_id=group.widget_id)
                for widget in list(group.members):
                    widget.close(CloseCode.NOT_REGISTERED, "this widget is not registered")
            case b"absent":
                # The directory will ring, or its version will change.
                self._gate.waiting.update(w for w in group.members if w.pairing is None)
            case number:
                if status:
                    group.hear(decode_status(status))
                for widget in list(group.members):
                    self._update(widget, int(number), group.newest)

    def _update(
        self, widget: WidgetConnection, pairing: int, newest: StatusDoorbell | None
    ) -> None:
        if widget.pairing is None:
            self._gate.waiting.discard(widget)
            widget.pairing = pairing
            if widget.is_open:
                self._gate.widgets_here.arrived(
                    widget.device_id, partition_of(widget.device_id, self._names.partitions)
                )
        elif pairing < widget.pairing:
            # Numbers only grow: Redis is behind (an old snapshot, a replica that was
            # promoted too early). Go on showing what is known; it will catch up.
            return
        elif pairing > widget.pairing:
            # Dark until the first status of the new pairing: a widget is dark when it
            # connects (firmware rule), so it is made to connect again.
            widget.close(CloseCode.GOING_AWAY, "the pairing changed")
            return
        if newest is not None:
            widget.show(newest)
