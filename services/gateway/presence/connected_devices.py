"""Which devices are connected here, and of which of them Redis was not told yet.

Level-triggered: what is told is what holds when it is told, not each step that
led there. Without I/O, and cheap: connections call it as they come and go.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple


class DeviceState(NamedTuple):
    """How it stands with a device at this gateway."""

    device_id: str
    partition: int
    epoch: int
    """The connection epoch of a charger; 0 for widgets, which have none."""
    here: bool


def _nothing() -> None:
    pass


class ConnectedDevices:
    """The devices of one kind at this gateway.

    Attributes:
        on_untold: Called when there is something to tell Redis.
    """

    __slots__ = ("_standings", "_untold", "on_untold")

    def __init__(self) -> None:
        self._standings: dict[str, DeviceState] = {}
        self._untold: dict[str, None] = {}  # a set that keeps its order
        self.on_untold: Callable[[], None] = _nothing

    def arrived(self, device_id: str, partition: int, epoch: int = 0) -> None:
        """Note a device that is registered and connected; of a charger the newest counts."""
        known = self._standings.get(device_id)
        if known is not None and (known.epoch, known.here) >= (epoch, True):
            return
        self._standings[device_id] = DeviceState(device_id, partition, epoch, here=True)
        self._tell([device_id])

    def left(self, device_id: str, epoch: int = 0) -> None:
        """Note that a charger's connection of this epoch, or a widget's last one, ended."""
        known = self._standings.get(device_id)
        if known is None or not known.here or known.epoch != epoch:
            return  # the end of an older connection, or of one that never counted
        self._standings[device_id] = known._replace(here=False)
        self._tell([device_id])

    def all_left(self) -> None:
        """Note that nobody is connected any more: the gateway stops."""
        for device_id, standing in self._standings.items():
            self._standings[device_id] = standing._replace(here=False)
        self.tell_all()

    def tell_all(self) -> None:
        """Have everything told again: what Redis was told it may have lost."""
        self._tell(self._standings)

    @property
    def has_untold(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._untold)

    def take(self, most: int) -> list[DeviceState]:
        """Take what is to be told, the oldest first; give back what could not be."""
        ids = list(islice(self._untold, most))
        for device_id in ids:
            del self._untold[device_id]
        return [self._standings[device_id] for device_id in ids]

    def give_back(self, standings: Iterable[DeviceState]) -> None:
        """Have devices told (again), by how it stands with them then."""
        self._tell([s.device_id for s in standings if s.device_id in self._standings])

    def told(self, standing: DeviceState) -> None:
        """Note that Redis has this; one that left is forgotten, unless it came back."""
        if not standing.here and self._standings.get(standing.device_id) == standing:
            del self._standings[standing.device_id]
            self._untold.pop(standing.device_id, None)

    def here(self) -> dict[int, list[DeviceState]]:
        """Return the devices that are connected, by partition."""
        found: defaultdict[int, list[DeviceState]] = defaultdict(list)
        for standing in self._standings.values():
            if standing.here:
                found[standing.partition].append(standing)
        return found

    def _tell(self, device_ids: Iterable[str]) -> None:
        self._untold.update(dict.fromkeys(device_ids))
        if self._untold:
            self.on_untold()
