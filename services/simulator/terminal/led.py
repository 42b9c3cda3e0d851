"""A widget's LED on a terminal, and in words where there are no colours."""

from typing import Final

from rich.text import Text

from shared.contract.device_protocol import ChargingStatus

DARK: Final = "dark"

_COLOURS: Final = {
    ChargingStatus.CHARGING: "red",
    ChargingStatus.CHARGING80: "yellow",
    ChargingStatus.CHARGED: "green",
}
# Exact colours, as a terminal's own "yellow" may well be brown.
_STYLES: Final = {
    ChargingStatus.CHARGING: "#e02020",
    ChargingStatus.CHARGING80: "#f2c200",
    ChargingStatus.CHARGED: "#1fb141",
}
_DARK_STYLE: Final = "#3a3a3a"


def colour_of(status: ChargingStatus | None) -> str:
    """Return the LED's colour as a word."""
    return DARK if status is None else _COLOURS[status]


def style_of(status: ChargingStatus | None) -> str:
    """Return the LED's colour as a style for text."""
    return _DARK_STYLE if status is None else _STYLES[status]


def led(status: ChargingStatus | None, width: int = 4, height: int = 1) -> Text:
    """Return the LED as a block of colour, in characters."""
    return Text("\n".join(["█" * width] * height), style=style_of(status))
