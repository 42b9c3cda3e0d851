"""From readings to statuses: computed, fenced, and only then cleared from pending.

Redis is a script of answers here; what the Lua scripts do is tested with a real one.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from services.router import metrics, scripts
from services.router.clear_pending import PendingClearer
from services.router.find_overdue import OverdueFinder
from services.router.routing import Routing
from services.router.traces.routing_traces import RoutingTraces
from shared.bus.script import Call, Script
from shared.contract.doorbells import decode_status
from shared.contract.names import Names
from shared.contract.thresholds import Thresholds
from tests.fixtures.observations import observing
from tests.fixtures.trace_receiver import TraceReceiver, receiving, tracing_to
from tests.unit.gateway.fake_device import Clock
from tests.unit.shared.fake_bus import FakeBus, FakeSubscriber
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import let_work, running

NAMES = Names(2)
(READINGS,) = {NAMES.of_charger("c1").readings}
HOME = NAMES.of_charger("c1").partition


def reading(
    soc: float = 85,
    sequence: int = 4,
    *,
    charger: str = "c1",
    pairing: int = 7,
    widget: str = "w1",
) -> bytes:
    """Return a doorbell as the store script writes it."""
    message = {
        "charger": charger,
        "data": {"soc": soc},
        "revision": [1, sequence],
        "pairing": pairing,
        "widget": widget,
    }
    return json.dumps(message).encode()


class RoutingBus(FakeBus):
    """Answers each script call as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.light = b"lit"
        self.overdue: list[list[bytes]] = []

    def answer_call(self, call: Call) -> Any:
        if call.script is scripts.LIGHT:
            return [self.light] * (len(call.arguments) // 10)
        if call.script is scripts.FIND_OVERDUE:
            found = self.overdue.pop(0) if self.overdue else []
            return [len(found) // 8, *found]
        return 0

    def of(self, script: Script) -> list[Call]:
        return [call for call in self.calls if call.script is script]


class Router:
    """A router's routing, clearing and finding, with Redis as a fake."""

    def __init__(self) -> None:
        self.bus = RoutingBus()
        self.subscriber = FakeSubscriber()
        self.clearer = PendingClearer(self.bus, NAMES)
        self.routing = Routing(
            self.bus,
            NAMES,
            thresholds=Thresholds.parse("charging=0,charging80=80,charged=100"),
            version=3,
            clearer=self.clearer,
            rng=NoDelay(),
        )
        self.finder = OverdueFinder(
            self.bus,
            self.subscriber,
            NAMES,
            on_message=self.routing.on_message,
            route=self.routing.route,
            clearer=self.clearer,
            ahead=self.routing.ahead,
            rng=NoDelay(),
        )

    def hear(self, level: float, sequence: int, *, pairing: int = 7, widget: str = "w1") -> None:
        self.routing.on_message(READINGS, reading(level, sequence, pairing=pairing, widget=widget))

    async def work(self, *, finding: bool = False) -> None:
        """Let everything be routed that can be, and cleared."""
        await self.route(finding=finding)
        await self.clearer.clear_added()

    async def route(self, *, finding: bool = False) -> None:
        """Let everything be routed that can be."""
        await let_work((self.finder if finding else self.routing).run())

    @property
    def lit(self) -> list[tuple[object, ...]]:
        """Widget, pairing, revision, version and status of what was written."""
        found: list[tuple[object, ...]] = []
        for call in self.bus.of(scripts.LIGHT):
            words = call.arguments
            for i in range(0, len(words), 10):
                status = json.loads(cast("bytes", words[i + 8]))["data"]["status"]
                assert words[i + 7] == status
                found.append((words[i], *words[i + 2 : i + 6], status))
        return found

    @property
    def cleared(self) -> list[list[object]]:
        return [list(call.arguments) for call in self.bus.of(scripts.CLEAR_PENDING)]


@pytest.fixture
def router() -> Router:
    return Router()


@contextlib.asynccontextmanager
async def traced_by_receiver(router: Router) -> AsyncIterator[TraceReceiver]:
    """Have a router send its spans to a receiver; all have arrived at the end."""
    with receiving() as receiver:
        async with tracing_to(receiver) as tracing:
            router.routing.traces = RoutingTraces(tracing)
            yield receiver


def traced(sequence: int, traceparent: object = f"00-{'a' * 32}-{'b' * 16}-01") -> bytes:
    message = json.loads(reading(85, sequence))
    return json.dumps({**message, "traceparent": traceparent}).encode()


async def test_a_traced_reading_has_its_spans_once_and_its_status_a_context(
    router: Router,
) -> None:
    async with traced_by_receiver(router) as receiver:
        router.bus.away = True
        router.routing.on_message(READINGS, traced(4))
        await router.route()
        router.bus.away = False
        await router.route()
        router.bus.light = b"stale"  # routed again, when all were marked pending
        router.routing.on_message(READINGS, traced(4))
        await router.route()
    routed, written = receiver.named("route reading") + receiver.named("write status")
    assert (routed.trace.hex(), routed.parent.hex()) == ("a" * 32, "b" * 16)
    assert (written.trace, written.parent) == (routed.trace, routed.own)
    told = json.loads(cast("bytes", router.bus.of(scripts.LIGHT)[0].arguments[8]))["traceparent"]
    assert told[:-2] == f"00-{written.trace.hex()}-{written.own.hex()}-"
    assert len(receiver.spans) == 2


async def test_a_reading_that_another_one_replaced_has_no_spans(router: Router) -> None:
    async with traced_by_receiver(router) as receiver:
        router.bus.away = True
        router.routing.on_message(READINGS, traced(4))
        await router.route()
        router.bus.away = False
        router.hear(90, 5)
        await router.route()
    assert receiver.spans == []


@pytest.mark.parametrize("broken", [7, None, {"a": 1}, "", "junk", f"00-{'a' * 32}-{'b' * 16}-00"])
async def test_a_broken_context_is_ignored(router: Router, broken: object) -> None:
    async with traced_by_receiver(router) as receiver:
        router.routing.on_message(READINGS, traced(4, broken))
        await router.route()
    assert [found[-1] for found in router.lit] == ["charging80"]
    (call,) = router.bus.of(scripts.LIGHT)
    assert "traceparent" not in json.loads(cast("bytes", call.arguments[8]))
    assert receiver.spans == []


async def test_without_traces_no_context_goes_on(router: Router) -> None:
    router.routing.on_message(READINGS, traced(4))
    await router.route()
    (call,) = router.bus.of(scripts.LIGHT)
    assert "traceparent" not in json.loads(cast("bytes", call.arguments[8]))


async def test_a_status_says_when_its_reading_was_accepted_if_that_is_known(
    router: Router,
) -> None:
    def told() -> object:
        message = cast("bytes", router.bus.of(scripts.LIGHT)[-1].arguments[8])
        return json.loads(message).get("received_at")

    router.hear(85, 4)  # stored by an older gateway
    await router.work()
    assert told() is None
    newer = reading(86, 5)[:-1] + b',"received_at":1700000000000000}'
    router.routing.on_message(READINGS, newer)
    await router.work()
    assert told() == 1_700_000_000_000_000
    router.finder.own({HOME})
    router.bus.overdue = [[b"c1", b"85.5", b"1", b"6", b"7", b"w1", b"9", b""]]
    await router.finder.find()
    await router.work()
    assert told() == 9


async def test_how_long_routing_took_is_measured_of_what_was_written(router: Router) -> None:
    now = 5.0
    router.routing.clock = lambda: now
    router.hear(85, 4)
    now += 2.0
    with observing(metrics.ROUTE_SECONDS) as written:
        await router.work()
    assert (written.count, written.total) == (1, 2.0)
    router.hear(86, 5)
    router.bus.away = True
    now += 1.0
    await router.work()
    router.bus.away = False
    router.hear(87, 6)
    now += 1.0
    with observing(metrics.ROUTE_SECONDS) as late:
        await router.work()
    assert (late.count, late.total) == (1, 2.0)  # since the first attempt
    router.bus.light = b"stale"
    router.hear(85, 4)
    with observing(metrics.ROUTE_SECONDS) as stale:
        await router.work()
    assert stale.count == 0


async def test_a_reading_lights_its_widget_and_is_cleared(router: Router) -> None:
    router.hear(85, 4)
    await router.work()
    assert router.lit == [("w1", 7, 1, 4, 3, "charging80")]
    (call,) = router.bus.of(scripts.LIGHT)
    widget = NAMES.of_widget("w1")
    version = widget.directory_version
    assert call.keys == (widget.directory, version, widget.statuses, widget.transitions)
    assert call.arguments[1] == widget.status_channel("w1")
    assert call.arguments[6] == "c1"
    assert router.cleared == [["c1", 1, 4, 7]]
    assert not router.routing._waiting


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_of_a_chargers_readings_only_the_newest_is_written(
    router: Router, order: tuple[int, int]
) -> None:
    for sequence in order:
        router.hear(10 * sequence, sequence)
    await router.work()
    assert [written[3] for written in router.lit] == [2]


async def test_a_newer_pairing_is_newer_whatever_its_revision(router: Router) -> None:
    router.hear(100, 9, pairing=7)
    router.hear(10, 1, pairing=8, widget="w2")
    await router.work()
    assert router.lit == [("w2", 8, 1, 1, 3, "charging")]


async def test_what_was_routed_is_cleared_a_moment_later_by_itself(router: Router) -> None:
    async with running(router.clearer.run()), asyncio.timeout(30):
        router.hear(85, 4)
        await router.route()
        while not router.cleared:  # noqa: ASYNC110 - the fake bus sets no event
            await asyncio.sleep(0.01)
    assert router.cleared == [["c1", 1, 4, 7]]


async def test_of_a_chargers_readings_only_the_newest_is_cleared(router: Router) -> None:
    for sequence in (4, 5):
        router.hear(85, sequence)
        await router.route()
    await router.clearer.clear_added()
    assert router.cleared == [["c1", 1, 5, 7]]


async def test_what_was_routed_before_a_loss_is_not_cleared_after_it(router: Router) -> None:
    # The Redis that is back may have lost the status, and is to be asked for all of them.
    router.hear(85, 4)
    await router.route()
    for regained in router.bus.reconnected:
        regained()
    await router.clearer.clear_added()
    assert router.cleared == []


async def test_what_cannot_be_cleared_is_found_when_overdue(router: Router) -> None:
    router.hear(85, 4)
    await router.route()
    router.bus.away = True
    await router.clearer.clear_added()
    router.bus.away = False
    await router.clearer.clear_added()
    assert router.cleared == []


@pytest.mark.parametrize(("light", "cleared"), [(b"stale", [["c1", 1, 4, 7]]), (b"mismatch", [])])
async def test_what_is_stale_is_cleared_and_what_belongs_to_another_pairing_stays_pending(
    router: Router, light: bytes, cleared: list[list[object]]
) -> None:
    router.bus.light = light
    router.hear(85, 4)
    await router.work()
    assert len(router.lit) == 1
    assert router.cleared == cleared


async def test_a_status_that_stays_ahead_is_replaced_after_5_s(router: Router) -> None:
    clock = Clock()
    router.routing.ahead.clock = clock
    router.bus.light = b"ahead 4503599627370496 1"
    router.finder.own({HOME})
    for seconds in (0.0, 2.0, 2.5):
        clock.now += seconds
        router.bus.overdue = [[b"c1", b"85.5", b"1", b"4", b"7", b"w1", b"9", b""]]
        await router.finder.find()
        await router.work()
    assert router.cleared == []  # it stays pending, to be looked at again
    router.bus.light = b"restored"
    clock.now += 1.0
    router.bus.overdue = [[b"c1", b"85.5", b"1", b"4", b"7", b"w1", b"9", b""]]
    await router.finder.find()
    await router.work()
    replaced = [call.arguments[9] for call in router.bus.of(scripts.LIGHT)]
    assert replaced == ["", "", "", "4503599627370496 1"]
    message = decode_status(cast("bytes", router.bus.of(scripts.LIGHT)[-1].arguments[8]))
    assert message.replaces == (4503599627370496, 1)
    assert router.cleared == [["c1", 1, 4, 7]]
    assert not router.routing.ahead


async def test_a_charger_that_reports_often_has_the_status_ahead_replaced_too(
    router: Router,
) -> None:
    clock = Clock()
    router.routing.ahead.clock = clock
    router.bus.light = b"ahead 4503599627370496 1"
    router.finder.own({HOME})
    for sequence in range(4, 8):
        router.hear(85, sequence)
        await router.work()
        clock.now += 2.0
        router.bus.overdue = [[b"c1", b"85", b"1", b"%d" % sequence, b"7", b"w1", b"9", b""]]
        await router.finder.find()
        await router.work()
        read = router.bus.of(scripts.FIND_OVERDUE)[-1].arguments[2:]
        assert read == ["c1"]  # it need not be overdue
    replaced = [call.arguments[9] for call in router.bus.of(scripts.LIGHT)]
    assert replaced[-1] == "4503599627370496 1"
    assert not any(replaced[:-1])


async def test_a_reading_that_lights_nothing_is_found_when_overdue(router: Router) -> None:
    router.hear(85, 4, pairing=0, widget="")
    await router.work()
    assert router.lit == []


async def test_a_redis_that_is_away_gets_it_later(router: Router) -> None:
    router.bus.away = True
    router.hear(85, 4)
    await router.work()
    assert router.routing._waiting
    assert router.lit == []
    router.hear(90, 5)
    router.bus.away = False
    await router.work()
    assert [written[3] for written in router.lit] == [5]


@pytest.mark.parametrize(
    "payload",
    [
        *[b"", b"hello", b"{}", b"\xff", b'{"charger":"\xff"}'],
        *[reading(widget="\xe4"), reading(widget="w:1")],
        *[reading(charger="\xe4"), reading(charger="")],
        *[reading(soc=-1), reading(soc=100.5)],
    ],
)
async def test_nonsense_on_the_channel_stops_nobody(router: Router, payload: bytes) -> None:
    router.routing.on_message(READINGS, payload)
    await router.work()
    assert router.lit == []
    router.hear(85, 4)
    await router.work()
    assert [written[0] for written in router.lit] == ["w1"]


async def test_what_rings_at_partitions_given_back_is_not_its_own(router: Router) -> None:
    router.finder.own({HOME})
    router.subscriber.publish(READINGS, reading())
    assert router.routing._waiting
    await router.work()
    router.finder.disown({HOME})
    router.subscriber.publish(READINGS, reading(sequence=5))
    assert not router.routing._waiting


async def test_partitions_that_are_taken_are_listened_to_and_given_back(router: Router) -> None:
    router.finder.own({0, 1})
    assert set(router.subscriber.wanted) == {names.readings for names in NAMES.chargers}
    router.finder.disown({0})
    assert set(router.subscriber.wanted) == {NAMES.chargers[1].readings}


async def test_what_is_stored_is_marked_once_doorbells_can_be_heard(router: Router) -> None:
    router.finder.own({HOME})
    router.subscriber.confirm(READINGS)
    await router.work(finding=True)
    (mark,) = router.bus.of(scripts.MARK_ALL_PENDING)
    names = NAMES.chargers[HOME]
    assert mark.keys == (names.live, names.pending)
    router.finder.on_confirmed([NAMES.chargers[1 - HOME].readings])  # not ours
    await router.work(finding=True)
    assert len(router.bus.of(scripts.MARK_ALL_PENDING)) == 1


async def test_what_no_doorbell_brought_is_found(router: Router) -> None:
    router.bus.overdue = [[b"c1", b"85.5", b"1", b"4", b"7", b"w1", b"9", b""]]
    router.finder.own({HOME})
    router.subscriber.confirm(READINGS)
    await router.work(finding=True)
    await router.work()
    assert router.lit == [("w1", 7, 1, 4, 3, "charging80")]


async def test_what_lights_nothing_is_cleared_when_it_is_found(router: Router) -> None:
    router.bus.overdue = [[b"c1", b"85.5", b"1", b"4", b"7", b"", b"9", b""]]
    router.finder.own({HOME})
    router.subscriber.confirm(READINGS)
    await router.work(finding=True)
    assert router.cleared == [["c1", 1, 4, 7]]
    assert not router.routing._waiting


@pytest.mark.parametrize(("number", "looks"), [(99, 1), (100, 2), (101, 2)])
async def test_where_more_may_be_overdue_the_next_look_comes_at_once(
    router: Router, number: int, looks: int
) -> None:
    words = [(f"c{i}".encode(), b"85.5", b"1", b"4", b"7", b"w1", b"9", b"") for i in range(number)]
    router.bus.overdue = [[word for found in words for word in found]]
    router.finder.own({HOME})
    router.subscriber.confirm(READINGS)
    await router.work(finding=True)
    assert len(router.bus.of(scripts.FIND_OVERDUE)) == looks
