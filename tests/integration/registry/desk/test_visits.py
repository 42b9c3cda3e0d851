"""A visitor's page: without a key, by a code that nobody guesses, as long as the rental."""

import asyncio
import contextlib
import re
import uuid
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from services.registry.desk.look_ups import MOST
from services.registry.live.redis_values import Environment
from services.registry.live.state_reader import StateReader
from services.registry.postgres.database import Database
from services.registry.routes.desk.visits import _look_at
from shared.bus.bus import Bus
from shared.contract.names import Names
from tests.fixtures.postgres_at import know_admin
from tests.integration.registry.by_rest import assert_problem
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry, eventually
from tests.integration.registry.test_access import send
from tests.integration.registry.test_booth_keys import fill, key_for
from tests.integration.registry.test_rentals import Desk
from tests.integration.registry.test_state import Hub
from tools.servers.ports import free_port


@pytest.fixture
def hub(bus: Bus, names: Names) -> Hub:
    return Hub(bus, names)


async def page_of(desk: Desk, rental: dict[str, Any]) -> str:
    """Give the visitor a page; return its path."""
    made = await desk.said("PUT", f"/rentals/{rental['id']}/visitor-page")
    return f"/v/{made['code']}"


async def look(
    registry: RunningRegistry, path: str, language: str = "en", method: str = "GET"
) -> httpx.Response:
    # A client of its own: no key comes with it.
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"Accept-Language": language}
        return await client.request(method, registry.url + path, headers=headers)


def heading(answer: httpx.Response) -> str:
    (found,) = re.findall("<h1>(.*?)</h1>", answer.text)
    return str(found)


async def test_a_page_shows_its_own_phone_until_that_is_collected(desk: Desk, hub: Hub) -> None:
    rental = await desk.open("c1", "w1", ticket="Ada Lovelace")
    path = await page_of(desk, rental)
    page = await look(desk.registry, path)
    assert (page.status_code, heading(page)) == (200, "Nothing is known yet")
    await hub.light("w1", rental["pairing_number"], "charging80")
    page = await look(desk.registry, path, "de")
    assert heading(page) == "Fast fertig: 80 % oder mehr"
    for name in ("Ada", "c1", "w1", rental["id"], rental["short_id"]):
        assert name not in page.text
    await hub.light("w1", rental["pairing_number"], "charged")
    assert heading(await look(desk.registry, path)) == "Ready: you can collect your phone"

    await desk.collect(rental)
    following = await desk.open("c1", "w1")
    await hub.light("w1", following["pairing_number"], "charged")
    page = await look(desk.registry, path)
    assert (page.status_code, heading(page)) == (404, "There is nothing here")


async def test_the_staff_get_the_same_code_again_and_another_for_each_rental(
    desk: Desk, by_hand: By
) -> None:
    first, second = await desk.open("c1", "w1"), await desk.open("c2", "w2")
    address = f"/rentals/{first['short_id']}/visitor-page"
    answers = await asyncio.gather(*(desk.said("PUT", address) for _ in range(3)))
    (made,) = {tuple(each.items()) for each in answers}
    page = dict(made)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", page["code"]), "16 bytes"
    assert page["url"] == f"{desk.registry.url}/v/{page['code']}"
    assert page["qr"].startswith("<svg")
    asked = await desk.said("PUT", f"{address}?address=https://hub.example/")
    assert asked["url"] == f"https://hub.example/v/{page['code']}"
    assert await page_of(desk, second) != f"/v/{page['code']}"
    for wrong in ("javascript:x", "https://x/%3Cscript%3E", "https://a b"):
        assert (await desk.send("PUT", f"{address}?address={wrong}")).status_code == 422
    await desk.collect(first)
    await desk.refused("PUT", address, None, 409, "rental-is-over")
    rows = await by_hand.execute("SELECT rental FROM visitor_codes")
    assert await rows.fetchall() == [(uuid.UUID(second["id"]),)]


async def test_no_page_tells_whether_a_code_ever_was_one(desk: Desk) -> None:
    rental = await desk.open("c1", "w1")
    path = await page_of(desk, rental)
    await desk.collect(rental)
    others = ("/v/" + "x" * 22, "/v/x", "/v/%00", "/v/%2F", f"/v/{rental['id']}")
    pages = [await look(desk.registry, each) for each in (path, *others)]
    assert {(page.status_code, page.text) for page in pages} == {(404, pages[0].text)}


async def test_a_phone_that_is_collected_while_we_look_is_not_mistaken_for_the_next(
    desk: Desk, hub: Hub, database: Database, bus: Bus, names: Names
) -> None:
    rental = await desk.open("c1", "w1")
    path = await page_of(desk, rental)
    reader = StateReader(bus, names)

    async def read(chargers: list[str]) -> tuple[list[Any], Environment]:
        await desk.collect(rental)
        following = await desk.open("c1", "w1")
        await hub.light("w1", following["pairing_number"], "charged")
        return await reader.chargers(chargers)

    parts = SimpleNamespace(
        database=database, reader=SimpleNamespace(chargers=read), estimate_of=lambda *_: None
    )
    assert await _look_at(cast("Any", parts), path.removeprefix("/v/")) is None


async def test_what_redis_has_of_the_visitor_before_is_not_shown(
    desk: Desk, hub: Hub, by_hand: By
) -> None:
    """The hand-over is in Postgres, and not in effect yet."""
    rental = await desk.open("c1", "w1")
    path = await page_of(desk, rental)
    await hub.light("w1", rental["pairing_number"], "charged")
    assert heading(await look(desk.registry, path)) == "Ready: you can collect your phone"
    await desk.collect(rental, pairing="keep")
    pairing = await desk.said("GET", "/pairings/c1")
    await hub.light("w1", pairing["pairing_number"], "charged")
    await by_hand.execute(
        "INSERT INTO rentals (id, charger_id, widget_id, pairing_number)"
        " VALUES (%s, 'c1', 'w1', %s)",
        (following := uuid.uuid4(), pairing["pairing_number"] + 1),
    )
    path = await page_of(desk, {"id": following})
    assert heading(await look(desk.registry, path)) == "Nothing is known yet"


async def test_an_address_looks_thirty_times_a_minute(desk: Desk) -> None:
    path = await page_of(desk, await desk.open("c1", "w1"))
    codes = [(await look(desk.registry, path)).status_code for _ in range(MOST - 1)]
    codes.append((await look(desk.registry, "/v/x")).status_code)
    assert codes == [200] * (MOST - 1) + [404]
    refused = await look(desk.registry, path, "fr")
    assert (refused.status_code, heading(refused)) == (429, "Trop de demandes")
    assert refused.headers["Retry-After"] == "60"
    assert (await desk.send("GET", "/rentals")).status_code == 200, "what has a key goes on"


async def test_without_redis_it_says_so(start_registry: StartRegistry, by_hand: By) -> None:
    registry = await start_registry(redis_url=f"redis://127.0.0.1:{free_port()}", ready=False)
    desk = Desk(registry)
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")
    await by_hand.execute(
        "INSERT INTO rentals (id, charger_id, pairing_number) VALUES (%s, 'c1', 9)",
        (rental := uuid.uuid4(),),
    )

    async def is_serving() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await desk.send("GET", f"/rentals/{rental}")).status_code == 200
        return False

    await eventually(is_serving)
    page = await look(registry, await page_of(desk, {"id": rental}), "es")
    assert (page.status_code, heading(page)) == (503, "Ahora mismo no se puede decir")


@pytest.fixture
async def guarded(start_registry: StartRegistry, by_hand: By) -> RunningRegistry:
    await know_admin(by_hand)
    return await start_registry(operator_auth="required")


async def test_a_visitor_needs_no_key_and_staff_do(
    guarded: RunningRegistry, by_hand: By, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(guarded)
    path = f"/rentals/{uuid.UUID(int=1)}/visitor-page"
    for role, status in (("viewer", 403), ("attendant", 200)):
        key = await key_for(guarded, role, role, "own")
        made = await send(guarded, key, "PUT", path)
        assert made.status_code == status, made.text
    assert (await send(guarded, None, "PUT", path)).status_code == 401
    elsewhere = f"/rentals/{uuid.UUID(int=2)}/visitor-page"
    assert_problem(await send(guarded, key, "PUT", elsewhere), 404)

    code = made.json()["code"]
    page = await look(guarded, f"/v/{code}")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha")
    assert "Set-Cookie" not in page.headers
    assert (await look(guarded, f"/v/{code}", method="HEAD")).status_code == 200
    assert (await look(guarded, f"/v/{code}", method="POST")).status_code == 405

    logged = capsys.readouterr().out
    assert "rental opened" in logged
    rows = await by_hand.execute("SELECT audit_log::text FROM audit_log")
    assert code not in logged + str(await rows.fetchall())


async def test_the_staff_find_the_rental_by_the_visitors_code(desk: Desk) -> None:
    rental = await desk.open("c1", "w1", ticket="7")
    path = await page_of(desk, rental)
    (found,) = (await desk.said("GET", f"/find?q={desk.registry.url}{path}"))["items"]
    assert (found["what"], found["exact"], found["rental"]["id"]) == ("rental", True, rental["id"])
    await desk.collect(rental)
    assert (await desk.said("GET", f"/find?q={desk.registry.url}{path}"))["items"] == []


async def test_who_erases_a_rental_erases_its_code(desk: Desk, by_hand: By) -> None:
    rental = await desk.open("c1", "w1")
    await page_of(desk, rental)
    await by_hand.execute("DELETE FROM rentals WHERE id = %s", (rental["id"],))
    rows = await by_hand.execute("SELECT * FROM visitor_codes")
    assert await rows.fetchall() == []
