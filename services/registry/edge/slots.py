"""How many requests of one kind are served at once."""

import contextlib
from collections.abc import Iterator

from services.registry.errors import TooBusyError


class Slots:
    """A number of slots. A request that finds none is refused at once, and does not wait.

    Args:
        number: How many there are.
        noun: What takes one, in the plural.
    """

    def __init__(self, number: int, noun: str) -> None:
        self._number = number
        self._noun = noun
        self._taken = 0

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Have a slot while the context is open.

        Raises:
            TooBusyError: All are taken.
        """
        if self._taken >= self._number:
            raise TooBusyError(
                f"{self._taken} {self._noun} are going on, which is the most. Try again in a moment"
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
