"""After how long each condition is told. No I/O."""

from typing import NamedTuple


class Limits(NamedTuple):
    """In seconds; 0: it is not told."""

    ready: float = 0
    """A phone is full, and not collected."""
    silent: float = 0
    """A charger with a visitor's phone is not connected."""
    returned: float = 0
    """A widget is not back, after its phone was collected."""
    trouble: float = 0
    """The hub has a trouble."""
