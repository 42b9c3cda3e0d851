"""What a router does with one reading, from the doorbell to the script call, without Redis."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from services.router.clear_pending import PendingClearer
from services.router.routing import Routing
from shared.bus.script import Call
from shared.contract.names import Names
from shared.contract.thresholds import Thresholds


class _Bus:
    """A Redis that lights whatever it is asked to."""

    def on_reconnected(self, _: Callable[[], None]) -> None:
        pass

    async def run(self, calls: Sequence[Call]) -> list[list[bytes]]:
        return [[b"lit"] for _ in calls]


def ready() -> Callable[[], object]:
    """Return what routes it, each time as a newer reading."""
    return router_of("c00001", "w00001")


def router_of(charger_id: str, widget_id: str) -> Callable[[], object]:
    """The same of any charger and its widget."""
    names = Names(64)
    charger = names.of_charger(charger_id)
    bus: Any = _Bus()
    thresholds = Thresholds.parse("charging=0,charging80=80,charged=100")
    clearer = PendingClearer(bus, names)
    routing = Routing(bus, names, thresholds=thresholds, version=1, clearer=clearer, rng=Random(1))
    sequence = 0

    def route() -> None:
        nonlocal sequence
        sequence += 1
        doorbell = (
            f'{{"charger":"{charger_id}","data":{{"soc":70}},"revision":[1764000000000000,{sequence}],'
            f'"pairing":7,"widget":"{widget_id}","received_at":1764000000000000}}'
        )
        routing.on_message(charger.readings, doorbell.encode())
        waiting = routing._take()
        try:
            # Without an event loop: its bus answers at once, so it never has to wait.
            routing._light(waiting).send(None)
        except StopIteration:
            if not clearer._routed.pop(charger.partition, None):
                raise RuntimeError("the reading was not routed") from None

    return route
