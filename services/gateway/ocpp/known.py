"""What is known of a charger that speaks OCPP, for ``explain``."""

from dataclasses import dataclass, field
from typing import Final

from services.gateway.ocpp.messages import BootNotification, text
from shared.contract.connectors import MOST_CONNECTORS
from shared.contract.presence import OcppNote as Note

_MOST_CHARACTERS: Final = 120


@dataclass(slots=True)
class Known:
    """What a charger is, and how its connectors are.

    Attributes:
        states: Of each connector, in the charger's words; 0 is the charger as a whole.
        notes: The newest of each kind.
    """

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    states: dict[int, str] = field(default_factory=dict)
    notes: dict[Note, str] = field(default_factory=dict)
    reporting: set[int] = field(default_factory=set)
    """Connectors whose state of charge has come on this connection."""
    full_when: dict[int, str] = field(default_factory=dict)
    """What counts as full, of each connector for which that is set."""
    by_setting: set[int] = field(default_factory=set)
    """Connectors whose newest level came by what their setting counts as full."""
    has_news: bool = False
    """Whether something changed since this was last set to false."""

    def note(self, code: Note, said: str) -> None:
        """Note something, in place of the last of its kind."""
        said = said[:_MOST_CHARACTERS]
        if self.notes.get(code) != said:
            self.notes[code] = said
            self.has_news = True

    def forget(self, code: Note) -> None:
        """Forget a note: what it said is over."""
        self.has_news |= self.notes.pop(code, None) is not None

    def note_reporting(self, connector: int) -> None:
        """Note that a connector's state of charge has come."""
        self.has_news |= connector not in self.reporting
        self.reporting.add(connector)
        self.by_setting.discard(connector)

    def note_by_setting(self, connector: int) -> None:
        """Note that a connector's level has come by its setting."""
        self.has_news |= connector not in self.by_setting
        self.by_setting.add(connector)

    def note_state(self, connector: int | None, state: object) -> None:
        """Note a connector's state."""
        if connector is None or not 0 <= connector <= MOST_CONNECTORS or not (said := text(state)):
            return
        if self.states.get(connector) != said:
            self.states[connector] = said
            self.has_news = True

    def note_boot(self, boot: BootNotification) -> None:
        """Note what a charger says of itself."""
        station = boot.charging_station
        if station is None:
            said = boot.charge_point_vendor, boot.charge_point_model, boot.firmware_version
        else:
            said = station.vendor_name, station.model, station.firmware_version
        self.vendor, self.model, self.firmware = (text(each) for each in said)
        self.has_news = True
