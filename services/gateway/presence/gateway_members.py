"""Which gateways are alive, and which one cleans up after the dead. Without I/O."""

from collections.abc import Sequence
from typing import NamedTuple


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

    @property
    def sweeper(self) -> str:
        """The gateway that sweeps up after the dead: one is enough, and all choose the same."""
        return min(self.alive)


class HeartbeatWatch:
    """Remembers since when each gateway's heartbeat has stayed the same.

    A gateway is dead if its heartbeat stays the same for long enough by our own clock. Redis'
    clock does not judge that: it may be set, and a replica that takes over has another one.
    """

    def __init__(self, dead_seconds: float) -> None:
        self._dead_seconds = dead_seconds
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self, answer: Sequence[bytes], at: float) -> GatewayMembers:
        """Read an answer of the heartbeat script.

        Args:
            answer: Redis' time, this gateway's heartbeat before, then name and last
                heartbeat of each gateway.
            at: When it came, in seconds of our monotonic clock.
        """
        now, before = int(answer[0]), int(answer[1])
        names = [name.decode(errors="replace") for name in answer[2::2]]
        heartbeats = dict(zip(names, map(int, answer[3::2]), strict=True))
        before_this = self._seen
        self._seen = {}
        dead: dict[str, int] = {}
        for name, heartbeat in heartbeats.items():
            seen = before_this.get(name)
            since = seen[1] if seen is not None and seen[0] == heartbeat else at
            self._seen[name] = (heartbeat, since)
            if at - since > self._dead_seconds:
                dead[name] = heartbeat
        return GatewayMembers(
            now=now,
            was_alive=before > 0 and now - before <= round(self._dead_seconds * 1_000_000),
            previous_heartbeat=before,
            alive=frozenset(heartbeats) - frozenset(dead),
            dead=dead,
        )
