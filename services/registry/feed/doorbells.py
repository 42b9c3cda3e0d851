"""Doorbells of what a tile shows: they say which chargers to read again. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.registry.feed.newer import newer_change
from services.registry.feed.tile import LightChange
from shared.contract.doorbells import (
    decode_directory_change,
    decode_presence_change,
    decode_status,
)
from shared.contract.names import Names
from shared.contract.tolerant_json import NOT_DECODABLE


@dataclass(slots=True)
class Heard:
    """What doorbells said."""

    chargers: set[str] = field(default_factory=set)
    """Those to read again."""
    paired: set[str] = field(default_factory=set)
    """Those of them whose registration or pairing changed."""
    partitions: set[int] = field(default_factory=set)
    """Those of which all must be read again."""
    lights: dict[str, LightChange] = field(default_factory=dict)
    """The newest change of a light, by its charger."""


class Doorbells:
    """Collects what is heard; a `shared.bus.subscriber.Handler`."""

    def __init__(self, names: Names) -> None:
        self._on_message: dict[str, Callable[[bytes], None]] = {}
        for tag in names.widgets:
            self._on_message[tag.transitions] = self._on_light
        for number, charger_tag in enumerate(names.chargers):
            self._on_message[charger_tag.presence_changes] = self._on_presence
            self._on_message[charger_tag.directory_changes] = self._on_directory_of(number)
        self._partitions = names.partitions
        self._heard = Heard()

    @property
    def channels(self) -> list[str]:
        """What to subscribe to."""
        return list(self._on_message)

    def take(self) -> Heard:
        """Return what was heard since this was last called."""
        heard, self._heard = self._heard, Heard()
        return heard

    def on_message(self, channel: str, payload: bytes) -> None:
        """Take a doorbell."""
        try:
            self._on_message[channel](payload)
        except NOT_DECODABLE:
            return  # anything can be published with redis-cli

    def on_confirmed(self, channels: list[str]) -> None:
        """Have all be read again: doorbells could be missed until now."""
        if channels:
            self._heard.partitions.update(range(self._partitions))

    def _on_light(self, payload: bytes) -> None:
        status = decode_status(payload)
        change = LightChange(status.fence, status.data.status, status.received_at or 0)
        lights = self._heard.lights
        lights[status.charger] = newer_change(lights.get(status.charger), change)
        self._heard.chargers.add(status.charger)

    def _on_presence(self, payload: bytes) -> None:
        self._heard.chargers.add(decode_presence_change(payload).charger)

    def _on_directory_of(self, partition: int) -> Callable[[bytes], None]:
        def on_directory(payload: bytes) -> None:
            ids = decode_directory_change(payload).ids
            self._heard.chargers.update(ids)
            self._heard.paired.update(ids)
            if not ids:
                self._heard.partitions.add(partition)

        return on_directory
