"""Words of commands in the form in which Redis gets them: made once, sent often.

https://redis.io/docs/latest/develop/reference/protocol-spec/#bulk-strings
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast, overload

import hiredis

from shared.bus.script import Argument

Command = Sequence[Argument] | bytes
"""A command's words, its name first; or all of it as `pack` returns it."""

# Its annotation says that a command is one word long.
pack: Final = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)
"""Return a command as it is sent: how many words it has, then the words."""


def pack_words(*words: Argument) -> bytes:
    """Return words as they are sent within a command."""
    command = pack(words)
    return command[command.index(b"\n") + 1 :]


def unpack(command: bytes) -> list[str]:
    """Return a command's words. For tests and for people: nothing that is sent needs it."""
    parser = hiredis.Reader(encoding="utf-8")
    parser.feed(command)
    words: list[str] = parser.gets()
    return words


class Packed(Sequence[Argument]):
    """Arguments of a command, packed; whoever looks into them finds words, all as text.

    Args:
        count: How many words they are.
        data: Results of `pack_words`, one after the other.
    """

    __slots__ = ("_count", "data")

    def __init__(self, count: int, data: bytes) -> None:
        self._count = count
        self.data = data

    def after(self, words: Sequence[Argument]) -> bytes:
        """Return the command that has these words first."""
        return b"*%d\r\n%b%b" % (len(words) + self._count, pack_words(*words), self.data)

    def __len__(self) -> int:
        """Return how many words they are."""
        return self._count

    def __iter__(self) -> Iterator[Argument]:
        """Unpack them."""
        yield from unpack(self.after([]))

    @overload
    def __getitem__(self, index: int) -> Argument: ...
    @overload
    def __getitem__(self, index: slice) -> list[Argument]: ...
    def __getitem__(self, index: int | slice) -> Argument | list[Argument]:
        """Unpack one of them, or some."""
        return list(self)[index]
