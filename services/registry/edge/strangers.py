"""Requests without a valid API key: they wait for each other while there are many.

Each costs as much as an operator's: a flood of them would take all the time of a registry, and of
the processor that it shares. Those with a valid key never wait.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.process.entrance.pace import Pace
from shared.process.entrance.turns import Turns, call_soon

_SECONDS: Final = 1 / 100
"""For how long the others wait for each. One takes a tenth of that, and so do all of a core."""
_MOST_WAITING: Final = 500

# No request begins with a control character: the parser says so at once. The end of a head is as
# h11 sees it.
_WHOLE: Final = re.compile(rb"\A[\x00-\x20]|\n\r?\n")
_KEY: Final = re.compile(rb"(?im)^authorization:[ \t]*bearer[ \t]+([^\s]+)")


@dataclass(eq=False, repr=False)
class Strangers:
    """Lets requests without a valid API key begin, one of each address after the other."""

    is_valid: Callable[[bytes], bool]
    """Tells whether an API key is valid; may be a moment late."""
    clock: Callable[[], float] = time.monotonic
    """In seconds; it only moves forward."""
    call_soon: Callable[[Callable[[], None]], object] = call_soon

    def __post_init__(self) -> None:
        self._pace = Pace(self.clock)
        self._turns = Turns(self._pace.wait, _MOST_WAITING, self.call_soon)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._turns)

    def is_one(self, data: bytes) -> bool:
        """Tell whether a request has no valid key; not before its whole head is there.

        Args:
            data: What came of it so far.
        """
        whole = _WHOLE.search(data)
        if whole is None:
            return False
        key = _KEY.search(data, 0, whole.end())
        return key is None or not self.is_valid(key[1])

    def take(self) -> bool:
        """Tell whether one may begin at once; then it has had its turn."""
        if not self._turns.take():
            return False
        self._pace.spend(_SECONDS)
        return True

    def wait(self, address: str, begin: Callable[[], bool]) -> bool:
        """Call ``begin`` when it has its turn; tell whether there was room to wait.

        Args:
            address: The client's, or that of its balancer.
            begin: Begins with the request; tells whether its client is still there.
        """

        def begin_in_turn() -> None:
            if begin():
                self._pace.spend(_SECONDS)

        return self._turns.wait(address, begin_in_turn)
