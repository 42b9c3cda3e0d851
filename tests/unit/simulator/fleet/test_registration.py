"""Registering over REST, against answers made up here."""

import json
import random
from collections.abc import Callable

import httpx
import pytest

from services.simulator.fleet.pairs import Pair, numbered_pairs
from services.simulator.fleet.registration import Registered, Registration, RegistrationError

PAIR = Pair("c1", "w1")


def registration(
    answer: Callable[[httpx.Request], httpx.Response],
    *,
    waiting: Callable[[str], None] = lambda _: None,
    replace: bool = False,
    key: str = "",
    secret: str = "",
) -> Registration:
    return Registration(
        "http://registry:3300/",
        rng=random.Random(1),
        waiting=waiting,
        replace=replace,
        key=key,
        secret=secret,
        transport=httpx.MockTransport(answer),
    )


async def test_both_devices_are_registered_before_they_are_paired() -> None:
    asked: list[tuple[str, str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path, json.loads(request.content)))
        return httpx.Response(201, json={"projected": True})

    async with registration(answer) as client:
        assert await client.register(PAIR) == Registered(PAIR, new=True, in_effect=True)
    assert asked == [
        ("PUT", "/chargers/c1", {}),
        ("PUT", "/widgets/w1", {}),
        ("PUT", "/pairings/c1", {"widget": "w1"}),
    ]


async def test_with_a_key_and_a_secret_both_devices_get_the_secret() -> None:
    asked: list[tuple[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer clk_1"
        asked.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json={})

    async with registration(answer, key="clk_1", secret="s" * 16) as client:
        await client.register(PAIR)
    assert ("/chargers/c1/secret", {"secret": "s" * 16}) in asked
    assert ("/widgets/w1/secret", {"secret": "s" * 16}) in asked


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/chargers/c1", 401, "Set CHARGELIGHT_SIMULATOR_KEY"),
        ("/widgets/w1", 403, "Set CHARGELIGHT_SIMULATOR_KEY"),
        ("/chargers/c1/secret", 409, "the registry has no key"),
    ],
)
async def test_a_key_that_is_missing_is_explained(path: str, status: int, words: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        problem = {"title": "No", "detail": "the registry has no key"}
        return httpx.Response(status if request.url.path == path else 200, json=problem)

    async with registration(answer, secret="s" * 16) as client:
        with pytest.raises(RegistrationError, match=words) as refused:
            await client.register_all([PAIR])
    assert "--replace" not in str(refused.value)


async def test_doing_it_again_is_no_error() -> None:
    async with registration(lambda _: httpx.Response(200, json={"projected": False})) as client:
        assert await client.register(PAIR) == Registered(PAIR, new=False, in_effect=False)


async def test_a_registry_that_is_not_ready_is_waited_for() -> None:
    answers: list[httpx.Response | Exception] = [
        httpx.ConnectError("refused"),
        httpx.Response(503, json={"title": "starting"}),
    ]
    told: list[str] = []

    def answer(_: httpx.Request) -> httpx.Response:
        found = answers.pop(0) if answers else httpx.Response(200, json={})
        if isinstance(found, Exception):
            raise found
        return found

    async with registration(answer, waiting=told.append) as client:
        await client.register(PAIR)
    assert ["refused" in told[0], "HTTP 503 starting" in told[1]] == [True, True]


async def test_a_widget_paired_elsewhere_is_explained_with_the_way_out() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/pairings/"):
            problem = {"title": "Conflict", "status": 409, "detail": "w1 is paired with c9"}
            return httpx.Response(409, json=problem)
        return httpx.Response(200, json={})

    async with registration(answer) as client:
        with pytest.raises(RegistrationError, match=r"w1 is paired with c9.*--replace"):
            await client.register_all([PAIR])


async def test_replacing_is_asked_for_only_on_request() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={})

    async with registration(answer, replace=True) as client:
        await client.register(PAIR)
    assert asked[-1] == "http://registry:3300/pairings/c1?replace=true"


async def test_all_pairs_are_registered_once_each() -> None:
    done: list[Registered] = []
    pairs = numbered_pairs("demo", 50)
    async with registration(lambda _: httpx.Response(201, text="no JSON at all")) as client:
        await client.register_all(pairs, done.append)
    assert sorted(found.pair.charger for found in done) == [pair.charger for pair in pairs]


async def test_an_address_that_is_no_registry_is_explained() -> None:
    async with registration(lambda _: httpx.Response(404)) as client:
        with pytest.raises(RegistrationError, match="Is it the registry"):
            await client.register_all([PAIR])
