"""Which devices are connected here, and which changes of that were not sent to Redis yet.

Level-triggered: what is sent is the state at that moment, not each step that led to
it. Without I/O, and cheap: it is updated with every connection that comes or goes.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple


class DeviceState(NamedTuple):
    """A device's state at this gateway."""

    device_id: str
    partition: int
    epoch: int
    """The connection epoch of a charger; 0 for widgets, which have none."""
    connected: bool


class ConnectedDevices:
    """The devices of one kind at this gateway.

    Attributes:
        on_unsent: Called when there is something to send.
    """

    def __init__(self) -> None:
        self._states: dict[str, DeviceState] = {}
        self._unsent: dict[str, None] = {}  # a set that keeps its order
        self._postponed: set[str] = set()
        self.on_unsent: Callable[[], None] = lambda: None

    def connect(self, device_id: str, partition: int, epoch: int = 0) -> None:
        """Note a device that is registered and connected; of a charger the newest counts."""
        known = self._states.get(device_id)
        if known is not None and (known.epoch, known.connected) >= (epoch, True):
            return
        self._states[device_id] = DeviceState(device_id, partition, epoch, connected=True)
        self._send_soon([device_id])

    def disconnect(self, device_id: str, epoch: int = 0) -> None:
        """Note that a charger's connection of this epoch, or a widget's last one, ended."""
        known = self._states.get(device_id)
        if known is None or not known.connected or known.epoch != epoch:
            return  # the end of an older connection, or of one that never counted
        self._states[device_id] = known._replace(connected=False)
        self._send_soon([device_id])

    def disconnect_all(self) -> None:
        """Note that no device is connected any more: the gateway stops."""
        for device_id, state in self._states.items():
            self._states[device_id] = state._replace(connected=False)
        self.resend_all()

    def resend_all(self) -> None:
        """Have everything sent again: Redis may have lost it."""
        self._send_soon(self._states)

    def resend(self, partition: int) -> None:
        """Have the devices of a partition sent again."""
        self._send_soon([s.device_id for s in self._states.values() if s.partition == partition])

    @property
    def has_unsent(self) -> bool:
        """Whether there is something to send."""
        return bool(self._unsent)

    def take(self, most: int) -> list[DeviceState]:
        """Take up to ``most`` states to send, the oldest change first."""
        ids = list(islice(self._unsent, most))
        for device_id in ids:
            del self._unsent[device_id]
        return [self._states[device_id] for device_id in ids]

    def put_back(self, states: Iterable[DeviceState]) -> None:
        """Have devices sent (again), with their state at that moment."""
        self._send_soon([s.device_id for s in states if s.device_id in self._states])

    def postpone(self, states: Iterable[DeviceState]) -> None:
        """Put these back with the next `resume`."""
        self._postponed.update(state.device_id for state in states)

    def resume(self) -> None:
        """Have all that was postponed sent."""
        self._send_soon(self._postponed.intersection(self._states))
        self._postponed.clear()

    @property
    def has_postponed(self) -> bool:
        """Whether something was postponed."""
        return bool(self._postponed)

    def confirm(self, state: DeviceState) -> None:
        """Note that Redis has this; one that left is forgotten, unless it came back."""
        if not state.connected and self._states.get(state.device_id) == state:
            del self._states[state.device_id]
            self._unsent.pop(state.device_id, None)

    def of_partition(self, partition: int) -> list[DeviceState]:
        """Return the devices of a partition that are connected."""
        return [s for s in self._states.values() if s.connected and s.partition == partition]

    def _send_soon(self, device_ids: Iterable[str]) -> None:
        self._unsent.update(dict.fromkeys(device_ids))
        if self._unsent:
            self.on_unsent()
