"""What one gateway sends to Redis over one connection: one batch at a time."""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum

from tools.capacity.coefficients import Coefficients, Cost
from tools.capacity.model import partitions_touched
from tools.capacity.storm.line import Line


class Step(IntEnum):
    """What an item in a batch does for a device."""

    AUTHENTICATE = 0
    ADMIT = 1
    STORE = 2
    SUBSCRIBE = 3
    READ_STATUS = 4
    UPDATE_PRESENCE = 5


@dataclass(slots=True)
class Exchanges:
    """Items that wait, and items of the running exchange.

    Attributes:
        gateway: Number of the gateway.
        most: Items in one exchange.
        pause: Seconds between two exchanges.
    """

    gateway: int
    most: int
    pause: float
    waiting: list[tuple[Step, int]] = field(default_factory=list)
    under_way: list[tuple[Step, int]] = field(default_factory=list)


class RedisServers:
    """The primaries; partitions are spread over them evenly.

    Other work takes the share ``busy`` of each.
    """

    def __init__(self, nodes: int, c: Coefficients, busy: float) -> None:
        r = c.redis
        self.lines = [Line() for _ in range(nodes)]
        self._slower = 1e-6 / (1 - busy)
        self._turn = 0
        self._partitions = c.limits.partitions
        self._exchange = r.exchange_us
        self._costs: dict[Step, Cost] = {
            # Reading a device's credentials costs about as much as reading a status.
            Step.AUTHENTICATE: r.read_status,
            Step.ADMIT: r.admit,
            Step.STORE: r.store,
            Step.SUBSCRIBE: Cost(0.0, r.subscription_us),
            Step.READ_STATUS: r.read_status,
            Step.UPDATE_PRESENCE: r.update_presence,
        }
        self._light = Cost(
            r.light.call_us + r.clear_pending.call_us,
            r.light.item_us + r.clear_pending.item_us + 2 * r.delivery_us,
        )

    def run(self, now: float, items: list[tuple[Step, int]]) -> float:
        """Run a batch; return when all servers have done their part."""
        counts = Counter(step for step, _ in items)
        microseconds = sum(self._cost(self._costs[step], count) for step, count in counts.items())
        return self._spread(now, microseconds, len(items))

    def route(self, now: float, readings: int) -> None:
        """Run what routers write for stored readings; nothing here waits for it."""
        self._spread(now, self._cost(self._light, readings) + self._exchange, readings)

    def _cost(self, cost: Cost, items: int) -> float:
        return cost.item_us * items + cost.call_us * partitions_touched(items, self._partitions)

    def _spread(self, now: float, microseconds: float, items: int) -> float:
        nodes = len(self.lines)
        parts = min(nodes, items)
        seconds = (microseconds / parts + self._exchange) * self._slower
        done = now
        for i in range(self._turn, self._turn + parts):
            done = max(done, self.lines[i % nodes].take(now, seconds))
        self._turn = (self._turn + parts) % nodes
        return done
