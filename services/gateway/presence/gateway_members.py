"""Which gateways are alive, and which one cleans up after the dead. Without I/O."""

from collections.abc import Sequence
from typing import NamedTuple, Self


class GatewayMembers(NamedTuple):
    """The gateways as one of them sees them."""

    now: int
    """Redis' time, in µs."""
    was_alive: bool
    """Whether this gateway counted as alive until now."""
    previous_heartbeat: int
    """This gateway's heartbeat before this one, in µs; 0: none."""
    alive: frozenset[str]
    dead: dict[str, int]
    """The dead ones, each with its last heartbeat, in µs."""

    @classmethod
    def parse(cls, answer: Sequence[bytes], dead_after: int) -> Self:
        """Parse the answer of the heartbeat script.

        Args:
            answer: Redis' time, this gateway's heartbeat before, then name and last
                heartbeat of each gateway.
            dead_after: A gateway counts as dead after so long without a heartbeat, in µs.
        """
        now, before = int(answer[0]), int(answer[1])
        names = [name.decode(errors="replace") for name in answer[2::2]]
        heartbeats = dict(zip(names, map(int, answer[3::2]), strict=True))
        dead = {name: at for name, at in heartbeats.items() if now - at > dead_after}
        return cls(
            now=now,
            was_alive=before > 0 and now - before <= dead_after,
            previous_heartbeat=before,
            alive=frozenset(heartbeats) - frozenset(dead),
            dead=dead,
        )

    @property
    def sweeper(self) -> str:
        """The gateway that sweeps up after the dead: one is enough, and all choose the same."""
        return min(self.alive)
