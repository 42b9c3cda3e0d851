"""Where a client is in a feed, as text. No I/O."""

import re
from typing import Final, NamedTuple

_FORM: Final = re.compile(r"([0-9a-f]{16})-(\d{1,15})", re.ASCII)


class Position(NamedTuple):
    """After which change of which feed."""

    feed: str
    """Drawn by each registry whenever its feed begins: a number of another one means nothing."""
    number: int

    def __str__(self) -> str:
        """Return it as clients keep it."""
        return f"{self.feed}-{self.number}"


def read_position(text: str) -> Position | None:
    """Return a position; None: it cannot be one."""
    found = _FORM.fullmatch(text)
    return Position(found[1], int(found[2])) if found else None
