"""What is known of a charger that speaks OCPP, for ``explain``."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from services.gateway.ocpp.messages import BootNotification, text
from shared.contract.connectors import MOST_CONNECTORS

_MOST_CHARACTERS: Final = 120


class Note(StrEnum):
    """What may keep a light dark: a closed set."""

    UNUSABLE_SOC = "unusable_soc"
    """A value that is or seems a state of charge is none."""
    MALFORMED = "malformed"
    """A payload has a member of a wrong kind; it was answered, and read as if it were empty."""
    NO_CONNECTOR = "no_connector"
    """A reading is of no connector: 0, too great, or of an unknown transaction."""
    NOT_REGISTERED = "not_registered"
    """A reading is of a connector that is not registered."""
    LATE = "late"
    """A reading came more than a minute after it was sampled."""
    WRONG_CLOCK = "wrong_clock"
    """The charger's clock is behind."""
    CANNOT_REPORT = "cannot_report"
    """The charger cannot be told to report its state of charge."""
    REBOOT_REQUIRED = "reboot_required"
    """What was set takes effect once the charger starts again."""
    CANNOT_TRIGGER = "cannot_trigger"
    """The charger does not say its level when it is asked for it."""


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
