"""Words of commands in the form in which Redis gets them: encoded once, sent often.

https://redis.io/docs/latest/develop/reference/protocol-spec/#bulk-strings
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast, overload

import hiredis

from shared.bus.script import Argument

# Its annotation says that a command is one word long.
encode_command: Final = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)
"""Return a command as it is sent: how many words it has, then the words."""


def encode_words(*words: Argument) -> bytes:
    """Return words as they are sent within a command."""
    command = encode_command(words)
    return command[command.index(b"\n") + 1 :]


def decode_commands(data: bytes) -> list[list[str]]:
    """Return the words of each command. For tests and people: nothing that is sent needs it."""
    parser = hiredis.Reader(encoding="utf-8", notEnoughData=None)
    parser.feed(data)
    return list(iter(parser.gets, None))


class EncodedWords(Sequence[Argument]):
    """Arguments of a command, encoded; read as a sequence they are words, all as text.

    Args:
        count: How many words they are.
        data: Results of `encode_words`, one after the other.
    """

    __slots__ = ("_count", "data")

    def __init__(self, count: int, data: bytes) -> None:
        self._count = count
        self.data = data

    def after(self, words: Sequence[Argument]) -> bytes:
        """Return the command that has these words first."""
        return b"*%d\r\n%b%b" % (len(words) + self._count, encode_words(*words), self.data)

    def __len__(self) -> int:
        """Return how many words they are."""
        return self._count

    def __iter__(self) -> Iterator[Argument]:
        """Decode them."""
        yield from decode_commands(self.after([]))[0]

    @overload
    def __getitem__(self, index: int) -> Argument: ...
    @overload
    def __getitem__(self, index: slice) -> list[Argument]: ...
    def __getitem__(self, index: int | slice) -> Argument | list[Argument]:
        """Decode one of them, or some."""
        return list(self)[index]
