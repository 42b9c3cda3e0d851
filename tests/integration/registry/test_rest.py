"""The REST API, on a running registry with real servers."""

import asyncio
from typing import Any, NoReturn

import httpx
import pytest

from services.registry.directory.projection import Projection
from shared.bus.bus import BusUnavailableError
from tests.integration.registry.conftest import By, RunningRegistry, eventually
from tests.integration.registry.in_redis import InRedis


async def _register(registry: RunningRegistry, *devices: str) -> None:
    for device in devices:
        kind = "chargers" if device.startswith("c") else "widgets"
        response = await registry.send("PUT", f"/{kind}/{device}", {})
        assert response.status_code == 201


def _assert_problem(response: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert {"type", "title", "status", "detail"} <= set(problem)
    for word in words:
        assert word in problem["detail"]
    return problem


@pytest.mark.parametrize("kind", ["chargers", "widgets"])
async def test_a_device_is_registered_looked_at_and_unregistered(
    registry: RunningRegistry, in_redis: InRedis, kind: str
) -> None:
    created = await registry.send("PUT", f"/{kind}/x1", {"label": "left", "location": "stage"})
    assert created.status_code == 201
    state = created.json()
    assert set(state) == {
        "id",
        "auth",
        "booth",
        "canary",
        "label",
        "location",
        "pairing_number",
        "registered_at",
        "projected",
    }
    assert (state["id"], state["label"], state["location"]) == ("x1", "left", "stage")
    assert state["projected"] is True
    in_directory = in_redis.charger if kind == "chargers" else in_redis.widget
    assert await in_directory("x1") == {"pairing": state["pairing_number"]}

    assert (await registry.send("GET", f"/{kind}/x1")).json() == state
    gone = await registry.send("DELETE", f"/{kind}/x1")
    assert (gone.status_code, gone.content) == (204, b"")
    entry = await in_directory("x1")
    assert entry is None or entry["unregistered"]
    _assert_problem(await registry.send("GET", f"/{kind}/x1"), 404, "x1")
    _assert_problem(await registry.send("DELETE", f"/{kind}/x1"), 404, "x1")


async def test_registering_again_keeps_number_and_words_that_are_not_given(
    registry: RunningRegistry,
) -> None:
    first = (await registry.send("PUT", "/chargers/c1", {"label": "left"})).json()
    again = await registry.send("PUT", "/chargers/c1", {})
    assert (again.status_code, again.json()) == (200, first)
    named = await registry.send("PUT", "/chargers/c1", {"location": "stage"})
    assert (named.status_code, named.json()) == (200, {**first, "location": "stage"})


async def test_registering_needs_no_body(registry: RunningRegistry) -> None:
    assert (await registry.send("PUT", "/chargers/c1")).status_code == 201


async def test_pairing_lasts_until_it_is_ended(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await _register(registry, "c1", "w1")
    _assert_problem(await registry.send("GET", "/pairings/c1"), 404, "c1")
    paired = await registry.send("PUT", "/pairings/c1", {"widget": "w1"})
    assert paired.status_code == 200
    state = paired.json()
    assert set(state) == {"charger", "widget", "pairing_number", "paired_at", "projected"}
    assert (state["charger"], state["widget"], state["projected"]) == ("c1", "w1", True)
    number = state["pairing_number"]
    assert await in_redis.widget("w1") == {"pairing": number, "charger": "c1"}
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert (entry["pairing"], entry["widget"]) == (number, "w1")

    assert (await registry.send("GET", "/pairings/c1")).json() == state
    assert (await registry.send("DELETE", "/pairings/c1")).status_code == 204
    for found in (await in_redis.charger("c1"), await in_redis.widget("w1")):
        assert found is not None
        assert set(found) == {"pairing"}
        assert found["pairing"] > number
    _assert_problem(await registry.send("DELETE", "/pairings/c1"), 404, "not paired")


async def test_a_charger_of_another_widget_is_only_taken_when_asked_to(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await _register(registry, "c1", "w1", "w2")
    first = (await registry.send("PUT", "/pairings/c1", {"widget": "w1"})).json()
    refused = await registry.send("PUT", "/pairings/c1", {"widget": "w2"})
    problem = _assert_problem(refused, 409, "c1", "w1", "?replace=true")
    assert problem["type"] == "urn:chargelight:problem:charger-is-paired"
    assert (problem["charger"], problem["widget"]) == ("c1", "w1")
    assert problem["pairing"] == first["pairing_number"]
    assert (await registry.send("GET", "/pairings/c1")).json() == first

    taken = await registry.send("PUT", "/pairings/c1?replace=true", {"widget": "w2"})
    number = taken.json()["pairing_number"]
    assert await in_redis.widget("w1") == {"pairing": number}
    assert await in_redis.widget("w2") == {"pairing": number, "charger": "c1"}


async def test_a_widget_of_another_charger_is_only_taken_when_asked_to(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await _register(registry, "c1", "c2", "w1")
    first = (await registry.send("PUT", "/pairings/c1", {"widget": "w1"})).json()
    refused = await registry.send("PUT", "/pairings/c2", {"widget": "w1"})
    problem = _assert_problem(refused, 409, "w1", "c1", "?replace=true")
    assert problem["type"] == "urn:chargelight:problem:widget-is-paired"
    assert (problem["charger"], problem["widget"]) == ("c1", "w1")
    assert problem["pairing"] == first["pairing_number"]
    assert (await registry.send("GET", "/pairings/c1")).json() == first

    taken = await registry.send("PUT", "/pairings/c2?replace=true", {"widget": "w1"})
    number = taken.json()["pairing_number"]
    assert (taken.status_code, number > first["pairing_number"]) == (200, True)
    assert await in_redis.charger("c1") == {"pairing": number}
    assert await in_redis.widget("w1") == {"pairing": number, "charger": "c2"}


async def test_two_that_are_both_paired_with_others_are_only_taken_when_asked_to(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await _register(registry, "c1", "c2", "w1", "w2")
    for charger, widget in (("c1", "w2"), ("c2", "w1")):
        await registry.send("PUT", f"/pairings/{charger}", {"widget": widget})
    refused = await registry.send("PUT", "/pairings/c1", {"widget": "w1"})
    _assert_problem(refused, 409, "w1 is paired with the charger c2", "c1 is paired with")
    taken = await registry.send("PUT", "/pairings/c1?replace=true", {"widget": "w1"})
    number = taken.json()["pairing_number"]
    assert await in_redis.widget("w1") == {"pairing": number, "charger": "c1"}
    for free in (await in_redis.charger("c2"), await in_redis.widget("w2")):
        assert free == {"pairing": number}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/pairings/c9", {"widget": "w1"}, ("charger", "c9")),
        ("/pairings/c1", {"widget": "w9"}, ("widget", "w9")),
    ],
)
async def test_what_is_not_registered_can_not_be_paired(
    registry: RunningRegistry, path: str, body: object, words: tuple[str, ...]
) -> None:
    await _register(registry, "c1", "w1")
    problem = _assert_problem(await registry.send("PUT", path, body), 404, *words)
    assert problem["type"] == "urn:chargelight:problem:not-registered"


async def test_unregistering_a_device_ends_its_pairing(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await _register(registry, "c1", "w1")
    await registry.send("PUT", "/pairings/c1", {"widget": "w1"})
    await registry.send("DELETE", "/widgets/w1")
    _assert_problem(await registry.send("GET", "/pairings/c1"), 404)
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert set(entry) == {"pairing"}


@pytest.mark.parametrize("bad", ["a%20b", "a%0A", "%C3%A9", "x" * 65, "a%00", "%22"])
async def test_an_id_that_can_not_exist_is_never_there_and_never_registered(
    registry: RunningRegistry, bad: str
) -> None:
    for kind in ("chargers", "widgets", "pairings"):
        body = {"widget": "w1"} if kind == "pairings" else {}
        put = await registry.send("PUT", f"/{kind}/{bad}", body)
        _assert_problem(put, 422, "1 to 64 of A-Z a-z 0-9 . _ -")
        _assert_problem(await registry.send("GET", f"/{kind}/{bad}"), 404)
        _assert_problem(await registry.send("DELETE", f"/{kind}/{bad}"), 404)


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/chargers/c1", b"{", "body"),
        ("/chargers/c1", b'{"lable":"left"}', "lable"),
        ("/chargers/c1", b'{"label":7}', "label"),
        ("/chargers/c1", b'{"label":"a\\u0000b"}', "label"),
        ("/chargers/c1", b'{"label":"\\ud800"}', "label"),
        ("/chargers/c1", b'{"label":"%s"}' % (b"x" * 201), "label"),
        ("/chargers/c1", b"[]", "body"),
        ("/chargers/c1", b'{"label":NaN}', "label"),
        ("/widgets/w1/pairing", b'{"widget":"w1"}', "charger"),
        ("/pairings/c1", b"{}", "widget"),
        ("/pairings/c1", b'{"widget":"a b"}', "widget"),
        ("/pairings/c1", b'{"widget":"w1","replace":true}', "replace"),
        ("/pairings/c1?replace=perhaps", b'{"widget":"w1"}', "replace"),
    ],
)
async def test_a_request_that_makes_no_sense_is_told_where(
    registry: RunningRegistry, path: str, body: bytes, where: str
) -> None:
    response = await registry.client.put(
        registry.url + path, content=body, headers={"content-type": "application/json"}
    )
    problem = _assert_problem(response, 422, where)
    assert any(where in error["where"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/phones/p1", 404),
        ("GET", "/chargers/c1/", 404),
        ("GET", "/chargers/a%2Fb", 404),
        ("POST", "/chargers/c1", 405),
    ],
)
async def test_what_the_api_does_not_have_is_a_problem_too(
    registry: RunningRegistry, method: str, path: str, status: int
) -> None:
    _assert_problem(await registry.send(method, path), status)


async def test_the_documentation_names_every_operation_and_its_problems(
    registry: RunningRegistry,
) -> None:
    document = (await registry.send("GET", "/openapi.json")).json()
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert {
        *("list_chargers", "register_charger", "get_charger", "update_charger"),
        *("unregister_charger", "list_widgets", "register_widget", "get_widget"),
        *("update_widget", "unregister_widget", "list_pairings", "pair_charger", "get_pairing"),
        *("unpair_charger", "pair_widget", "get_widget_pairing", "unpair_widget"),
        *("import_devices", "export_devices"),
    } <= set(operations)
    for operation in operations.values():
        assert {"422", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
    assert "409" in operations["pair_charger"]["responses"]
    in_common = {"401", "403", "413", "421", "422", "503"}
    responses = set(operations["register_charger"]["responses"])
    assert responses == {"200", "201", "404", "409", "412", *in_common}
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_of_operators_who_pair_one_widget_at_once_exactly_one_wins(
    registry: RunningRegistry, by_hand: By
) -> None:
    chargers = [f"c{i}" for i in range(8)]
    await _register(registry, *chargers, "w1")
    answers = await asyncio.gather(
        *(registry.send("PUT", f"/pairings/{charger}", {"widget": "w1"}) for charger in chargers)
    )
    winners = [answer.json()["charger"] for answer in answers if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    rows = await (await by_hand.execute("SELECT charger_id FROM pairings")).fetchall()
    assert rows == [(winners[0],)]


async def test_of_registrations_of_one_device_at_once_exactly_one_creates_it(
    registry: RunningRegistry,
) -> None:
    answers = await asyncio.gather(*(registry.send("PUT", "/chargers/c1", {}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [*[200] * 7, 201]
    assert len({answer.json()["pairing_number"] for answer in answers}) == 1


@pytest.mark.parametrize("kind", ["chargers", "widgets"])
async def test_a_change_is_not_told_to_be_in_effect_before_gateways_know_it(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = f"/{kind}/d1"
    assert (await registry.send("PUT", path, {})).status_code == 201

    async def away(*_: object) -> NoReturn:
        raise BusUnavailableError("Redis is away")

    async def told() -> list[bool]:
        alone = (await registry.send("GET", path)).json()
        (listed,) = (await registry.send("GET", f"/{kind}")).json()["items"]
        (found,) = (await registry.send("GET", "/find?q=d1")).json()["items"]
        return [each["projected"] for each in (alone, listed, found[kind.removesuffix("s")])]

    async def is_projected() -> bool:
        return all(await told())

    with monkeypatch.context() as patched:
        patched.setattr(Projection, "write_secrets", away)
        answer = await registry.send("PATCH", path, {"auth": "certificate"})
        assert (answer.json()["auth"], answer.json()["projected"]) == ("certificate", False)
        assert await told() == [False] * 3
    await eventually(is_projected)
