"""The audit of lights, with a real Redis: which pairs it judges, and what it finds."""

import random
from typing import Any

import pytest

from services.registry import metrics
from services.registry.hub.hub_watch import HubWatch
from services.registry.lights_audit import lights_audit
from services.registry.lights_audit.lights_audit import LightsAudit
from services.registry.live.state_reader import StateReader
from shared.bus.bus import Bus
from shared.contract.names import AGREEMENTS, Names
from shared.contract.thresholds import name_of_version
from tests.integration.registry.conftest import RunningRegistry
from tests.integration.registry.in_redis import InRedis
from tests.integration.registry.test_state import Hub

DEFAULT = "charging=0,charging80=80,charged=100"


async def _no_pause(_: float) -> None:
    """Look again at once."""


class Pairs:
    """Pairs that are connected, with what gateways and routers would write of them."""

    def __init__(self, registry: RunningRegistry, bus: Bus, names: Names) -> None:
        self.registry = registry
        self.hub = Hub(bus, names)
        self.in_redis = InRedis(bus, names)
        self.audit = LightsAudit(
            StateReader(bus, names), lambda: True, random.Random(7), sleep=_no_pause
        )

    async def start(self) -> None:
        await self.hub.bus.command("HSET", AGREEMENTS, name_of_version(1), DEFAULT)

    async def add(self, number: int, *, widget_left: bool = False) -> None:
        """A pair whose charger reported 50 %, and whose widget is red."""
        charger, widget = f"c{number}", f"w{number}"
        await self.registry.send("PUT", f"/chargers/{charger}", {})
        await self.registry.send("PUT", f"/widgets/{widget}", {})
        await self.registry.send("PUT", f"/pairings/{charger}", {"widget": widget})
        entry = await self.in_redis.charger(charger)
        assert entry is not None
        await self.hub.heard_of("g", ago=0)
        await self.hub.at(charger, "g")
        there: dict[str, Any] = {"gateways": {} if widget_left else {"g": 5}}
        presence = self.hub.names.of_widget(widget).presence
        await self.hub.put(presence, widget, there | ({"left": 7} if widget_left else {}))
        mark = f"{entry['pairing']}-{entry['token']}"
        await self.in_redis.set_live(
            charger,
            {"epoch": 5, "revision": [5, 2], "soc": 50, "received_at": 8, "mark": mark},
        )
        await self.light(number, "charging")

    async def light(self, number: int, status: str) -> None:
        entry = await self.in_redis.charger(f"c{number}")
        assert entry is not None
        await self.hub.light(f"w{number}", entry["pairing"], status, f"c{number}")

    async def judged(self) -> dict[str, int]:
        """Judge once; return what was counted."""
        before = counted()
        await self.audit.judge_some()
        return {name: value - before[name] for name, value in counted().items()}


def counted() -> dict[str, int]:
    return {name: int(each._value.get()) for name, each in metrics.AUDITED.items()}


@pytest.fixture(autouse=True)
def _only_ours_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HubWatch, "is_first_registry", lambda _: False)


@pytest.fixture
async def pairs(registry: RunningRegistry, bus: Bus, names: Names) -> Pairs:
    found = Pairs(registry, bus, names)
    await found.start()
    return found


async def test_few_pairs_are_all_judged_each_time(pairs: Pairs) -> None:
    for number in range(5):
        await pairs.add(number)
    for _ in range(2):
        assert await pairs.judged() == {"right": 5, "late": 0, "wrong": 0}


async def test_of_many_pairs_some_are_judged(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lights_audit, "MOST_PAIRS", 3)
    monkeypatch.setattr(lights_audit, "_MOST_LOOKED_AT", 2)
    for number in range(6):
        await pairs.add(number)
    assert await pairs.judged() == {"right": 3, "late": 0, "wrong": 0}


async def test_who_is_not_connected_is_not_judged(pairs: Pairs) -> None:
    await pairs.add(1, widget_left=True)
    await pairs.add(2)
    await pairs.hub.at("c2", "g", left=7)
    assert await pairs.judged() == {"right": 0, "late": 0, "wrong": 0}


async def test_a_status_broken_by_hand_is_wrong_and_named(
    pairs: Pairs, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(8):
        await pairs.add(number)
        await pairs.light(number, "charged" if number else "charging")
    assert await pairs.judged() == {"right": 1, "late": 0, "wrong": 7}
    printed = capsys.readouterr().out
    assert printed.count("chargelight explain --charger c") == 5, "not a line for each of many"
    assert "more lights are wrong" in printed


async def test_a_status_removed_by_hand_is_wrong_once_it_stayed_away(pairs: Pairs) -> None:
    await pairs.add(1)
    await pairs.hub.bus.command("HDEL", pairs.hub.names.of_widget("w1").statuses, "w1")
    assert await pairs.judged() == {"right": 0, "late": 0, "wrong": 1}


async def test_a_reading_that_is_lit_meanwhile_is_not_wrong(pairs: Pairs) -> None:
    await pairs.add(1)
    statuses = pairs.hub.names.of_widget("w1").statuses
    await pairs.hub.bus.command("HDEL", statuses, "w1")

    async def then_lit(_: float) -> None:
        await pairs.light(1, "charging")

    pairs.audit.sleep = then_lit
    assert await pairs.judged() == {"right": 1, "late": 0, "wrong": 0}


async def test_a_pair_that_is_parted_meanwhile_is_not_counted(pairs: Pairs) -> None:
    await pairs.add(1)
    await pairs.hub.bus.command("HDEL", pairs.hub.names.of_widget("w1").statuses, "w1")

    async def then_gone(_: float) -> None:
        await pairs.hub.at("c1", "g", left=7)

    pairs.audit.sleep = then_gone
    assert await pairs.judged() == {"right": 0, "late": 0, "wrong": 0}
