"""Randomness without any: retries follow each other at once."""

import random


class NoDelay(random.Random):
    """Draws the shortest delay there is."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - always the lower one
        return a


class LongestDelay(random.Random):
    """Draws the longest delay there is."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - always the upper one
        return b
