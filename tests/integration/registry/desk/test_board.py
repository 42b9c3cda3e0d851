"""The ready board: tickets whose phones can be collected, and nothing else."""

import contextlib
from typing import Any

import httpx
import pytest

from services.registry.desk import board
from shared.bus.bus import Bus
from shared.contract.names import Names
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.by_rest import assert_problem
from tests.integration.registry.conftest import By, StartRegistry, eventually
from tests.integration.registry.test_access import send
from tests.integration.registry.test_booth_keys import RENTALS, fill, key_for
from tests.integration.registry.test_rentals import Desk
from tests.integration.registry.test_state import Hub
from tools.servers.ports import free_port


@pytest.fixture
def hub(bus: Bus, names: Names) -> Hub:
    return Hub(bus, names)


async def full(by_hand: By, hub: Hub, rental: dict[str, Any], minutes: int = 0) -> None:
    """Have a phone be full for so long, and its widget be green."""
    await by_hand.execute(
        "UPDATE rentals SET reached_100_at = clock_timestamp() - make_interval(mins => %s)"
        " WHERE id = %s",
        (minutes, rental["id"]),
    )
    number = rental["pairing_number"]
    await hub.light(rental["widget"], number, "charged", charger=rental["charger"])


async def tickets(desk: Desk, query: str = "") -> list[str]:
    return [each["ticket"] for each in (await desk.said("GET", f"/board{query}"))["ready"]]


async def test_it_shows_tickets_while_their_widgets_are_green(
    desk: Desk, by_hand: By, hub: Hub
) -> None:
    first = await desk.open("c1", "w1", ticket="1")
    second = await desk.open("c2", "w2", ticket="2")
    unnamed = await desk.open("c3", "w3")
    assert await desk.said("GET", "/board") == {"ready": [], "more": False}
    await full(by_hand, hub, first, minutes=9)
    await full(by_hand, hub, second)
    await full(by_hand, hub, unnamed)
    shown = await desk.said("GET", "/board")
    assert [set(each) for each in shown["ready"]] == [{"ticket", "since"}] * 2
    assert await tickets(desk) == ["2", "1"], "the newest first"

    await hub.light("w2", second["pairing_number"], "charging80", charger="c2")
    assert await tickets(desk) == ["1"], "the phone is in use"
    await desk.collect(first)
    assert await tickets(desk) == []


async def test_the_light_of_the_visitor_before_makes_nobody_ready(
    desk: Desk, by_hand: By, hub: Hub
) -> None:
    before = await desk.open("c1", "w1", ticket="1")
    await full(by_hand, hub, before)
    await desk.collect(before, pairing="keep")
    following = await desk.open("c1", "w1", ticket="2")
    await full(by_hand, hub, {**following, "pairing_number": before["pairing_number"]})
    assert await tickets(desk) == []
    await full(by_hand, hub, following)
    assert await tickets(desk) == ["2"]


async def test_a_screen_holds_only_so_many(
    desk: Desk, by_hand: By, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        await full(by_hand, hub, await desk.open(f"c{number}", f"w{number}", ticket=str(number)))
    monkeypatch.setattr(board, "MOST", 1)
    shown = await desk.said("GET", "/board")
    assert ([each["ticket"] for each in shown["ready"]], shown["more"]) == (["2"], True)


async def test_a_key_of_a_booth_shows_its_own(
    start_registry: StartRegistry, by_hand: By, hub: Hub
) -> None:
    await know_admin(by_hand)
    guarded = await start_registry(operator_auth="required")
    await fill(guarded)
    for rental in RENTALS.values():
        found = await send(guarded, ADMIN_KEY, "GET", f"/rentals/{rental}")
        await full(by_hand, hub, found.json())
    key = await key_for(guarded, "screen", "viewer", "own")

    async def shown(query: str, key: str) -> list[str]:
        answer = await send(guarded, key, "GET", f"/board{query}")
        return [each["ticket"] for each in answer.json()["ready"]]

    assert await shown("", key) == ["own-ticket"]
    assert await shown("?booth=far", ADMIN_KEY) == ["far-ticket"]
    assert await shown("", ADMIN_KEY) == ["far-ticket", "own-ticket"]
    assert_problem(await send(guarded, key, "GET", "/board?booth=far"), 403)


async def test_without_redis_nobody_is_said_to_be_ready(
    start_registry: StartRegistry,
) -> None:
    registry = await start_registry(redis_url=f"redis://127.0.0.1:{free_port()}", ready=False)

    async def is_serving() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await registry.send("GET", "/rentals")).status_code == 200
        return False

    await eventually(is_serving)
    assert_problem(await registry.send("GET", "/board"), 503, "The live state cannot be read")
