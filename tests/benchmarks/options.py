"""What can be said to all benchmarks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How a benchmark is run.

    Attributes:
        quick: A few seconds, to see that it works; its figures mean nothing.
        rounds: How often each thing is measured, in turns.
        connections: How many, where it matters; None for each benchmark's own number.
    """

    quick: bool = False
    rounds: int = 3
    connections: int | None = None
