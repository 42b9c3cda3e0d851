"""Which gateways are alive, and whose work a dead one's devices are. Without I/O."""

from collections.abc import Sequence
from typing import NamedTuple, Self


class GatewayMembers(NamedTuple):
    """The gateways as one of them sees them."""

    now: int
    """Redis' time, in µs."""
    was_alive: bool
    """Whether this gateway counted as alive until now."""
    heard_before: int
    """When this gateway was last heard of before, in µs; 0: never."""
    alive: frozenset[str]
    dead: dict[str, int]
    """The dead ones, and when each was last heard of, in µs."""

    @classmethod
    def read(cls, answer: Sequence[bytes], dead_after: int) -> Self:
        """Read the answer of the script `enrol`.

        Args:
            answer: Redis' time, when this gateway was heard of before, then name and
                time of each gateway.
            dead_after: For how long a dead gateway was not heard of, in µs.
        """
        now, before = int(answer[0]), int(answer[1])
        names = [name.decode(errors="replace") for name in answer[2::2]]
        heard = dict(zip(names, map(int, answer[3::2]), strict=True))
        dead = {name: at for name, at in heard.items() if now - at > dead_after}
        return cls(
            now=now,
            was_alive=before > 0 and now - before <= dead_after,
            heard_before=before,
            alive=frozenset(heard) - frozenset(dead),
            dead=dead,
        )

    @property
    def sweeper(self) -> str:
        """Who sweeps up after the dead: one is enough, and all come to the same one."""
        return min(self.alive)
