"""What can be said to all benchmarks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How a benchmark is run.

    Attributes:
        quick: A few seconds, to see that it works; its figures mean nothing.
        rounds: How often each thing is measured, in turns.
        connections: How many, where it matters; None for each benchmark's own number.
        against: Commits that this version is compared with, in the order of time, in full or the
            first digits; none for the last release.
    """

    quick: bool = False
    rounds: int = 3
    connections: int | None = None
    against: tuple[str, ...] = ()

    def numbers(self, usual: tuple[int, ...]) -> tuple[int, ...]:
        """Return the numbers of connections to measure at, where the usual ones are these."""
        if self.quick:
            return (100,)
        return (self.connections,) if self.connections else usual
