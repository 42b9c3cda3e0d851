"""What happened at a booth, as the devices saw it: the only thing the checker judges."""

from dataclasses import dataclass

from shared.contract.device_protocol import ChargingStatus


@dataclass(frozen=True)
class _OfWidget:
    at: float
    widget: str


@dataclass(frozen=True)
class _OfFault:
    at: float
    fault: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A charger sent a reading; the same number again means that it sent it again."""

    at: float
    charger: str
    number: int
    status: ChargingStatus


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A charger got the receipt for a reading, and with it for all before."""

    at: float
    charger: str
    number: int


@dataclass(frozen=True, slots=True)
class PairingBegan:
    """An operator asked for a pairing (or, without a charger, for its end): either may hold now."""

    at: float
    widget: str
    charger: str | None


class PairingInEffect(_OfWidget):
    """The hub said that the pairing asked for last is in effect."""


class WidgetConnected(_OfWidget):
    """A widget has a new connection; it is dark."""


class WidgetDisconnected(_OfWidget):
    """A widget lost its connection; it is dark, and the hub is not to blame."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A widget got a charging status, and shows it."""

    at: float
    widget: str
    status: ChargingStatus


class FaultBegan(_OfFault):
    """From now on the hub may be late."""


class FaultEnded(_OfFault):
    """From now on the hub has its five seconds."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """No charger has said anything for so long that every light must be final."""

    at: float


Event = (
    Sent
    | Acknowledged
    | PairingBegan
    | PairingInEffect
    | WidgetConnected
    | WidgetDisconnected
    | Shown
    | FaultBegan
    | FaultEnded
    | Quiet
)
