"""What a router does with one reading, from the doorbell to the script call, without Redis."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from services.router.clear_pending import PendingClearer
from services.router.routing import Routing
from services.router.thresholds import Thresholds
from shared.bus.script import Call
from shared.contract.names import Names


class _Bus:
    """A Redis that lights whatever it is asked to."""

    def on_reconnected(self, _: Callable[[], None]) -> None:
        pass

    async def run(self, calls: Sequence[Call]) -> list[list[bytes]]:
        return [[b"lit"] for _ in calls]


def ready() -> Callable[[], object]:
    """Return what routes it, each time as a newer reading."""
    names = Names(64)
    charger = names.of_charger("c00001")
    bus: Any = _Bus()
    thresholds = Thresholds.parse("charging=0,charging80=80,charged=100")
    clearer = PendingClearer(bus, names)
    routing = Routing(bus, names, thresholds=thresholds, version=1, clearer=clearer, rng=Random(1))
    sequence = 0

    def route() -> None:
        nonlocal sequence
        sequence += 1
        doorbell = (
            f'{{"charger":"c00001","data":{{"soc":70}},"revision":[1764000000000000,{sequence}],'
            f'"pairing":7,"widget":"w00001"}}'
        )
        routing.on_message(charger.readings, doorbell.encode())
        waiting, routing._waiting = routing._waiting, {}
        try:
            # Without an event loop: its bus answers at once, so it never has to wait.
            routing._light(list(waiting.values())).send(None)
        except StopIteration:
            if not clearer._routed.pop(charger.partition, None):
                raise RuntimeError("the reading was not routed") from None

    return route
