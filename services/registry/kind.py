"""The two kinds of devices."""

from enum import StrEnum


class Kind(StrEnum):
    """Which of the two kinds of devices."""

    CHARGER = "charger"
    WIDGET = "widget"
