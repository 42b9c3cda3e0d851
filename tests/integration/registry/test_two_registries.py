"""Two registries and two operators at once: one is first, and both registries say who."""

import asyncio
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import pytest
from psycopg import AsyncConnection
from structlog.testing import capture_logs

from services.registry.postgres.migrate import load
from tests.fixtures.postgres_at import address_for_registry
from tests.integration.registry.conftest import (
    PATIENT_SECONDS,
    By,
    RunningRegistry,
    StartRegistry,
    eventually,
)
from tests.integration.registry.in_redis import InRedis

ROUNDS = 8  # twice in each order of registries and of requests

IF_NONE: dict[str, str] = {"If-None-Match": "*"}

Two = tuple[RunningRegistry, RunningRegistry]


class Request(NamedTuple):
    """What an operator asks for."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] | None = None


Answers = tuple[httpx.Response, httpx.Response]


@dataclass(frozen=True)
class Desks:
    """Two operators, each with a registry, and what lies behind both."""

    two: Two
    by_hand: By
    in_redis: InRedis
    postgres_dsn: str

    async def race(self, first: Request, second: Request, round_: int) -> Answers:
        """Send both at once, through one registry each; the next round the other way round."""
        registries = self.two if round_ % 4 < 2 else self.two[::-1]
        sent = [_send(registries[0], first), _send(registries[1], second)]
        if round_ % 2:
            answers = await asyncio.gather(*reversed(sent))
            return answers[1], answers[0]
        answers = await asyncio.gather(*sent)
        return answers[0], answers[1]

    async def in_order(self, first: Request, second: Request, *, swapped: bool = False) -> Answers:
        """Have both wait for the same lock, in this order: neither sees the other one's change."""
        registries = self.two[::-1] if swapped else self.two
        requests = zip(registries, (first, second), strict=True)
        async with (
            asyncio.TaskGroup() as group,
            await AsyncConnection.connect(self.postgres_dsn) as holder,
            holder.transaction(),
        ):
            await holder.execute("SELECT lock_directory()")
            sent = []
            for registry, request in requests:
                sent.append(group.create_task(_send(registry, request)))
                await self._until_waiting(len(sent))
        return sent[0].result(), sent[1].result()

    async def register(self, *paths: str) -> None:
        """Register devices that may be registered already."""
        for path in paths:
            answer = await self.two[0].send("PUT", path, {})
            assert answer.status_code in {200, 201}, answer.text

    async def unpair(self, charger: str) -> None:
        """End a pairing."""
        ended = await self.two[0].send("DELETE", f"/pairings/{charger}")
        assert ended.status_code == 204

    async def agree(self) -> None:
        """Wait until Redis says what Postgres says; both registries must say it already."""
        pairs = await self.rows("SELECT charger_id, widget_id, pairing_number FROM pairings")
        for registry in self.two:
            listed = (await registry.send("GET", "/pairings")).json()["items"]
            said = {(each["charger"], each["widget"], each["pairing_number"]) for each in listed}
            assert said == pairs
        await eventually(self._redis_agrees)

        async def both_know() -> bool:
            answers = [
                await registry.send("GET", f"/pairings/{charger}")
                for registry in self.two
                for charger, _, _ in pairs
            ]
            return all(answer.json()["projected"] for answer in answers)

        await eventually(both_know)

    async def rows(self, query: str) -> set[tuple[Any, ...]]:
        """Ask Postgres."""
        return set(await (await self.by_hand.execute(query.encode())).fetchall())

    async def _until_waiting(self, count: int) -> None:
        query = (
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

        async def all_wait() -> bool:
            return len(await self.rows(query)) == count

        await eventually(all_wait, within=PATIENT_SECONDS)

    async def _redis_agrees(self) -> bool:
        chargers = await self.rows(
            "SELECT c.id, p.widget_id, c.pairing_number FROM chargers c"
            " LEFT JOIN pairings p ON p.charger_id = c.id"
        )
        widgets = await self.rows(
            "SELECT w.id, p.charger_id, w.pairing_number FROM widgets w"
            " LEFT JOIN pairings p ON p.widget_id = w.id"
        )
        for charger, widget, number in chargers:
            entry = await self.in_redis.charger(charger) or {}
            if (entry.get("widget"), entry.get("pairing")) != (widget, number):
                return False
        for widget, charger, number in widgets:
            entry = await self.in_redis.widget(widget) or {}
            if (entry.get("charger"), entry.get("pairing")) != (charger, number):
                return False
        return True


@pytest.fixture
async def desks(
    patient: None,  # noqa: ARG001 - the registries are
    start_registry: StartRegistry,
    by_hand: By,
    in_redis: InRedis,
    postgres_dsn: str,
) -> Desks:
    one, other = await asyncio.gather(start_registry(), start_registry())
    return Desks((one, other), by_hand, in_redis, postgres_dsn)


async def _send(registry: RunningRegistry, request: Request) -> httpx.Response:
    return await registry.client.request(
        request.method,
        registry.url + request.path,
        json=request.body,
        headers=request.headers,
    )


def _from_charger(charger: str, widget: str, headers: dict[str, str] | None = None) -> Request:
    return Request("PUT", f"/pairings/{charger}", {"widget": widget}, headers)


def _from_widget(charger: str, widget: str, headers: dict[str, str] | None = None) -> Request:
    return Request("PUT", f"/widgets/{widget}/pairing", {"charger": charger}, headers)


def _winner_of(answers: Answers) -> dict[str, Any]:
    """Check that one was served and the other was told who was; return the pairing there is."""
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert (len(won), len(lost)) == (1, 1), [answer.text for answer in answers]
    pairing: dict[str, Any] = won[0].json()
    _is_told(lost[0], pairing)
    return pairing


def _is_told(answer: httpx.Response, pairing: dict[str, Any]) -> None:
    """Check that somebody who came too late is told who was first."""
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status_code == problem["status"] == 409, problem
    assert problem["type"] in {
        "urn:chargelight:problem:widget-is-paired",
        "urn:chargelight:problem:charger-is-paired",
    }
    there = (problem["charger"], problem["widget"], problem["pairing"])
    assert there == (pairing["charger"], pairing["widget"], pairing["pairing_number"])
    assert pairing["charger"] in problem["detail"]
    assert pairing["widget"] in problem["detail"]


# --- pairing


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_from_charger("c1", "w1"), _from_charger("c2", "w1")),
        (_from_widget("c1", "w1"), _from_widget("c2", "w1")),
        (_from_charger("c1", "w1"), _from_widget("c2", "w1")),
        (_from_charger("c1", "w1"), _from_charger("c1", "w2")),
        (_from_widget("c1", "w1"), _from_widget("c1", "w2")),
        # Neither of the two chargers has a pairing; that the widget has one is a conflict.
        (_from_charger("c1", "w1", IF_NONE), _from_charger("c2", "w1", IF_NONE)),
        (_from_widget("c1", "w1", IF_NONE), _from_widget("c1", "w2", IF_NONE)),
    ],
    ids=[
        "one widget, from the chargers",
        "one widget, from the widget",
        "one widget, from both sides",
        "one charger, from the charger",
        "one charger, from the widgets",
        "one widget, if the chargers have none",
        "one charger, if the widgets have none",
    ],
)
async def test_of_two_that_pair_at_once_one_wins_and_the_other_is_told_who(
    desks: Desks, one: Request, other: Request
) -> None:
    await desks.register("/chargers/c1", "/chargers/c2", "/widgets/w1", "/widgets/w2")
    numbers = [0]

    async def end(pairing: dict[str, Any]) -> None:
        await desks.agree()
        numbers.append(pairing["pairing_number"])
        await desks.unpair(pairing["charger"])

    for round_ in range(ROUNDS):
        await end(_winner_of(await desks.race(one, other, round_)))
    for first, second in ((one, other), (other, one)):
        for swapped in (False, True):
            answers = await desks.in_order(first, second, swapped=swapped)
            # Whose transaction was first, not who is nearer to Redis or to the client.
            assert answers[0].status_code == 200, answers[0].text
            await end(_winner_of(answers))
    assert numbers == sorted(set(numbers)), "a pairing number was used twice"
    await desks.agree()


@pytest.mark.parametrize("seen_from", [_from_charger, _from_widget])
async def test_a_pairing_that_is_made_if_there_is_none_is_made_once(
    desks: Desks, seen_from: Any
) -> None:
    await desks.register("/chargers/c1", "/chargers/c2", "/widgets/w1", "/widgets/w2")
    # The same charger, or the same widget: now the condition itself does not hold.
    charger, widget = ("c1", "w2") if seen_from is _from_charger else ("c2", "w1")
    wish, other = seen_from("c1", "w1", IF_NONE), seen_from(charger, widget, IF_NONE)
    for round_ in range(ROUNDS):
        answers = await desks.race(wish, other, round_)
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert lost.headers["Content-Type"] == "application/problem+json"
        assert lost.json()["type"] == "urn:chargelight:problem:exists"
        await desks.agree()
        await desks.unpair(won.json()["charger"])


async def test_the_same_pairing_from_two_operators_is_one_pairing(desks: Desks) -> None:
    await desks.register("/chargers/c1", "/widgets/w1")
    for round_ in range(ROUNDS):
        one, other = await desks.race(_from_charger("c1", "w1"), _from_widget("c1", "w1"), round_)
        assert (one.status_code, other.status_code) == (200, 200)
        assert one.json()["pairing_number"] == other.json()["pairing_number"]
        assert one.headers["ETag"] == other.headers["ETag"]
        await desks.agree()
        await desks.unpair("c1")


async def test_of_two_that_replace_what_they_saw_one_wins(desks: Desks) -> None:
    await desks.register("/chargers/c1", "/widgets/w1", "/widgets/w2", "/widgets/w3")
    seen = await desks.two[0].send("PUT", "/pairings/c1", {"widget": "w1"})
    for round_ in range(ROUNDS):
        condition = {"If-Match": seen.headers["ETag"]}
        now = seen.json()["widget"]
        wishes = [
            Request("PUT", "/pairings/c1?replace=true", {"widget": widget}, condition)
            for widget in ("w1", "w2", "w3")
            if widget != now
        ]
        answers = await desks.race(wishes[0], wishes[1], round_)
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert (won.status_code, lost.status_code) == (200, 412)
        assert lost.json()["etag"] == won.headers["ETag"]
        await desks.agree()
        seen = won


# --- registering


@pytest.mark.parametrize("kind", ["charger", "widget"])
async def test_a_device_that_both_register_at_once_is_new_to_one_of_them(
    desks: Desks, kind: str
) -> None:
    for round_ in range(ROUNDS):
        path = f"/{kind}s/d{round_}"
        answers = await desks.race(Request("PUT", path, {}), Request("PUT", path, {}), round_)
        assert sorted(answer.status_code for answer in answers) == [200, 201]
        one, other = (answer.json() for answer in answers)
        assert one == other
        assert one["projected"] is True
    for round_ in range(ROUNDS):
        path = f"/{kind}s/e{round_}"
        wish = Request("PUT", path, {}, IF_NONE)
        answers = await desks.race(wish, wish, round_)
        assert sorted(answer.status_code for answer in answers) == [201, 412]
    await desks.agree()


@pytest.mark.parametrize("kind", ["charger", "widget"])
async def test_a_device_is_registered_or_not_whoever_was_first(desks: Desks, kind: str) -> None:
    path = f"/{kind}s/d1"
    find = desks.in_redis.charger if kind == "charger" else desks.in_redis.widget
    for round_ in range(ROUNDS):
        registered, unregistered = await desks.race(
            Request("PUT", path, {}), Request("DELETE", path), round_
        )
        assert registered.status_code in {200, 201}
        assert unregistered.status_code in {204, 404}
        answers = [await registry.send("GET", path) for registry in desks.two]
        is_there = answers[0].status_code == 200
        assert {answer.status_code for answer in answers} == ({200} if is_there else {404})
        # It was there and went, or it was not there and came: nothing else fits.
        assert not is_there or registered.status_code == 201 or unregistered.status_code == 404
        assert is_there or unregistered.status_code == 204

        async def redis_agrees(state: bool = is_there) -> bool:  # noqa: FBT001 - bound, not passed
            entry = await find("d1")
            return state == (entry is not None and not entry.get("unregistered"))

        await eventually(redis_agrees)
    await desks.agree()


async def test_a_device_that_both_unregister_at_once_goes_once(desks: Desks) -> None:
    for round_ in range(ROUNDS):
        await desks.register("/chargers/c1")
        wish = Request("DELETE", "/chargers/c1")
        answers = await desks.race(wish, wish, round_)
        assert sorted(answer.status_code for answer in answers) == [204, 404]
    # Each going was recorded once.
    removed = "SELECT id FROM audit_log WHERE action = 'removed' AND kind = 'charger'"
    assert len(await desks.rows(removed)) == ROUNDS


@pytest.mark.parametrize("seen_from", [_from_charger, _from_widget])
async def test_no_pairing_outlives_a_device_that_is_unregistered_meanwhile(
    desks: Desks, seen_from: Any
) -> None:
    pair, unregister = seen_from("c1", "w1"), Request("DELETE", "/widgets/w1")
    for round_ in range(ROUNDS):
        await desks.register("/chargers/c1", "/widgets/w1")
        paired, unregistered = await desks.race(pair, unregister, round_)
        assert paired.status_code in {200, 404}
        assert unregistered.status_code == 204
        assert (await desks.two[round_ % 2].send("GET", "/pairings/c1")).status_code == 404
        await desks.agree()
    for first, second, statuses in (
        (pair, unregister, [200, 204]),
        (unregister, pair, [204, 404]),
    ):
        await desks.register("/chargers/c1", "/widgets/w1")
        answers = await desks.in_order(first, second)
        assert [answer.status_code for answer in answers] == statuses
        await desks.agree()


# --- starting


async def test_registries_that_start_at_once_on_an_empty_database_migrate_it_once(
    start_registry: StartRegistry, empty_postgres_dsn: str, in_redis: InRedis
) -> None:
    dsn = await address_for_registry(empty_postgres_dsn)
    with capture_logs() as lines:
        registries = [await start_registry(postgres_dsn=dsn, ready=False) for _ in range(5)]
        await asyncio.gather(*(registry.ready() for registry in registries))
    names = [migration.name for migration in load()]
    applied = [line["name"] for line in lines if line["event"] == "migration applied"]
    assert applied == names
    # Each of them works, and each knows what the others did.
    answers = await asyncio.gather(
        *(registry.send("PUT", f"/chargers/c{n}", {}) for n, registry in enumerate(registries))
    )
    assert [(each.status_code, each.json()["projected"]) for each in answers] == [(201, True)] * 5
    assert len({each.json()["pairing_number"] for each in answers}) == 5
    for registry in registries:
        listed = (await registry.send("GET", "/chargers")).json()["items"]
        assert [each["id"] for each in listed] == [f"c{n}" for n in range(5)]
    assert None not in await in_redis.versions()
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute("SELECT name FROM schema_migrations ORDER BY name")
        assert [name for (name,) in await cursor.fetchall()] == names
