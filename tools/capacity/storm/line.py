"""A queue with one server, served in order: a core, a Redis server, a load balancer."""


class Line:
    """Keeps only when the server will have done all that waits: enough, since order is kept.

    Attributes:
        free: From when on the server has nothing to do, in seconds.
        busy: Seconds of work it was given in all.
        longest: The longest that anything had to wait before its turn, in seconds.
    """

    __slots__ = ("busy", "free", "longest")

    def __init__(self) -> None:
        self.free = 0.0
        self.busy = 0.0
        self.longest = 0.0

    def take(self, now: float, seconds: float) -> float:
        """Queue work that arrives now; return when it is done.

        Args:
            now: Not before the call before.
            seconds: Of work.
        """
        start = max(self.free, now)
        self.longest = max(self.longest, start - now)
        self.busy += seconds
        self.free = start + seconds
        return self.free
