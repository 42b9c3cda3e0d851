"""A queue with one server, served in order: a core, a Redis server, a load balancer."""

from dataclasses import dataclass


@dataclass(slots=True)
class Line:
    """Knows only when all queued work is done: enough, as the server works in order.

    Attributes:
        free: From when on the server has nothing to do, in seconds.
        busy: Seconds of work queued in all.
        longest: The longest wait before a turn, in seconds.
    """

    free: float = 0.0
    busy: float = 0.0
    longest: float = 0.0

    def take(self, now: float, seconds: float) -> float:
        """Queue work that arrives now (calls are in order of time); return when it is done."""
        start = max(self.free, now)
        self.longest = max(self.longest, start - now)
        self.busy += seconds
        self.free = start + seconds
        return self.free
