"""What a fuzzed target is, and how inputs are varied."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Protocol

from tests.fuzz.wire import ViolationError

MOST_BYTES = 4096
"""An input that was varied again and again does not grow beyond this."""


class Target(Protocol):
    """Something that takes any bytes, and knows what must hold then."""

    seeds: Sequence[bytes]
    """Inputs known to be tricky; they are run first and varied later."""
    tokens: Sequence[bytes]
    """Pieces that inputs are made of."""

    def generate(self, rng: Random) -> bytes:
        """Return a new input that reaches deep."""

    def __call__(self, data: bytes) -> Iterable[str]:
        """Run one input; return what became of it, in a few words each.

        Raises:
            ViolationError: Something holds no longer.
        """


_MOST_PIECES = 150
"""A thousand pieces find no more than these do."""


def check(holds: object, what: str) -> None:
    """Complain unless something holds; unlike an ``assert`` also with ``python -O``."""
    if not holds:
        raise ViolationError(what)


def choices(rng: Random, weighted: Sequence[tuple[int, Callable[[], bytes]]]) -> bytes:
    """Return what one of some makers makes; each has its weight."""
    makers = [maker for _, maker in weighted]
    return rng.choices(makers, [weight for weight, _ in weighted])[0]()


def cut(data: bytes, seed: int) -> Iterator[bytes]:
    """Cut bytes as the network might: 0 leaves them whole, 1 takes each of a few for itself."""
    if seed == 0:
        cuts: list[int] = []
    elif seed == 1 and len(data) <= _MOST_PIECES:
        cuts = list(range(len(data)))
    else:
        rng = Random(seed)
        cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.choice((1, 2, 4, 16))))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if start < end:
            yield data[start:end]


def varied(rng: Random, data: bytes, other: bytes, tokens: Sequence[bytes]) -> bytes:
    """Return an input a little different from one that is known."""
    changed = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(changed) or 1)
        until = min(len(changed), at + rng.choice((1, 1, 2, 4, 16, 64)))
        match rng.randrange(8):
            case 0:  # a bit
                changed[at : at + 1] = bytes(
                    b ^ 1 << rng.randrange(8) for b in changed[at : at + 1]
                )
            case 1:  # a byte
                changed[at : at + 1] = rng.randbytes(1)
            case 2:
                del changed[at:until]
            case 3:
                changed[at:at] = changed[at:until]
            case 4:
                changed[at:at] = rng.randbytes(rng.randint(1, 4))
            case 5:
                changed[at:until] = rng.choice(tokens)
            case 6:
                changed[at:at] = rng.choice(tokens)
            case _:
                changed[at:] = other[rng.randint(0, len(other)) :]
    return bytes(changed[:MOST_BYTES])
