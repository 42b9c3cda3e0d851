"""A charger and the widget that shows its charging status."""

from dataclasses import dataclass
from typing import Self

from shared.contract.devices import is_device_id


class WrongPairError(ValueError):
    """The text names no pair; the message says how one is written."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Ids of a charger and its widget."""

    charger: str
    widget: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pair written as ``CHARGER:WIDGET``.

        Raises:
            WrongPairError: It is written differently, or an id is not allowed.
        """
        charger, colon, widget = text.partition(":")
        if not colon or not is_device_id(charger) or not is_device_id(widget):
            raise WrongPairError(
                f"{text!r} is not a pair: write CHARGER:WIDGET, for example c1234:wABCD; "
                "an id has 1 to 64 letters, digits, dots, underscores and hyphens"
            )
        return cls(charger, widget)


def numbered_pairs(prefix: str, count: int, digits: int = 4) -> list[Pair]:
    """Return ``count`` pairs such as ``demo-c0001``; with more digits if the count needs them."""
    width = max(digits, len(str(count)))
    return [
        Pair(f"{prefix}-c{number:0{width}}", f"{prefix}-w{number:0{width}}")
        for number in range(1, count + 1)
    ]
