"""Commands to chargers: refused, passed on, answered, noted. A test stands for the gateways."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import httpx
import pytest

from services.registry.commands import command_log
from services.registry.commands.command_service import CommandService
from services.registry.postgres.actor import Actor
from services.registry.postgres.database import Database
from shared.bus.bus import Bus, BusUnavailableError
from shared.contract.names import GATEWAYS, Names
from tests.fixtures.redis_at import hearing
from tests.integration.registry.by_rest import assert_problem, registered
from tests.integration.registry.conftest import By, RunningRegistry
from tests.integration.registry.in_redis import InRedis

ID = "0f5b5a3e-9d0c-4c5e-8a43-3f6f0a2c9b11"
OTHER_ID = str(uuid.UUID(int=5))

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]
"""What gateways make of a command; None: nothing."""


class Gateways:
    """Two gateways, as a registry sees them.

    Attributes:
        commands: Those that were published.
    """

    def __init__(self, bus: Bus, names: Names, redis_url: str) -> None:
        self._bus = bus
        self._names = names
        self._redis_url = redis_url
        self.commands: list[dict[str, Any]] = []
        self.answer: Answer = lambda _: {"status": "Accepted", "accepted": True}

    async def now_us(self) -> int:
        return await InRedis(self._bus, self._names).now_us()

    async def connect(
        self, charger: str = "c1", *, ago: float = 60.0, dialect: str | None = "ocpp1.6"
    ) -> int:
        """Have a charger be connected since so many seconds; return its epoch."""
        now, names = await self.now_us(), self._names.of_charger(charger)
        epoch = now - round(ago * 1_000_000)
        await self._bus.command("ZADD", GATEWAYS, now, "gateway-a")
        await InRedis(self._bus, self._names).set_live(charger, {"epoch": epoch})
        at = {"gateway": "gateway-a", "epoch": epoch, "since": epoch}
        await self._bus.command("HSET", names.presence, charger, json.dumps(at))
        if dialect is not None:
            known = {"epoch": epoch, "dialect": dialect}
            await self._bus.command("HSET", names.ocpp, charger, json.dumps(known))
        return epoch

    @contextlib.asynccontextmanager
    async def hearing(self) -> AsyncIterator[None]:
        """Take commands, and answer them."""
        channels = {each.commands: each.command_results for each in self._names.chargers}
        async with hearing(self._redis_url, *channels) as heard:
            task = asyncio.create_task(self._serve(heard, channels), name="gateways")
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _serve(self, heard: list[tuple[str, bytes]], channels: dict[str, str]) -> None:
        while True:
            while heard:
                channel, payload = heard.pop(0)
                command = json.loads(payload)
                self.commands.append(command)
                said = self.answer(command)
                if said is not None:
                    # Of another command, of none, and twice: that must not matter.
                    await self._tell(channels[channel], {**said, "id": OTHER_ID, "status": "No"})
                    await self._bus.command("PUBLISH", channels[channel], "no result")
                    for _ in range(2):
                        await self._tell(channels[channel], {"id": command["id"], **said})
            await asyncio.sleep(0.01)

    async def _tell(self, channel: str, result: dict[str, Any]) -> None:
        await self._bus.command("PUBLISH", channel, json.dumps({"charger": "c1", **result}))


@pytest.fixture
def gateways(bus: Bus, names: Names, redis_url: str) -> Gateways:
    return Gateways(bus, names, redis_url)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for a charger as long as in life."""
    monkeypatch.setattr(CommandService, "answer_seconds", 0.5)


async def send(
    registry: RunningRegistry, command: str = "unlock", charger: str = "c1", **more: object
) -> httpx.Response:
    body = {"command": command, **more}
    return await registry.send("POST", f"/chargers/{charger}/commands", body)


def kind_of(answer: httpx.Response, status: int, *words: str) -> str:
    kind: str = assert_problem(answer, status, *words)["type"]
    return kind.rpartition(":")[2]


async def noted(by_hand: By) -> list[tuple[Any, ...]]:
    rows = await by_hand.execute(
        "SELECT who, action, subject, details, booth FROM audit_log WHERE kind = 'command'"
        " ORDER BY id"
    )
    return list(await rows.fetchall())


async def test_a_command_is_passed_on_answered_and_noted(
    registry: RunningRegistry, gateways: Gateways, by_hand: By
) -> None:
    await registry.send("POST", "/booths", {"name": "Main stage", "id": "b1"})
    await registered(registry, "/chargers/c1", booth="b1")
    epoch = await gateways.connect()
    asked_at = await gateways.now_us()
    async with gateways.hearing():
        answer = await send(registry, id=ID)
    said = {"accepted": True, "status": "Accepted", "info": ""}
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"id": ID, "charger": "c1", "command": "unlock", **said}
    (command,) = gateways.commands
    deadline = command.pop("deadline")
    assert asked_at < deadline <= await gateways.now_us() + 15_000_000
    assert command == {
        "id": ID,
        "command": "unlock",
        "charger": "c1",
        "connector": 1,
        "epoch": epoch,
    }
    changes = {name: [None, value] for name, value in said.items()}
    assert await noted(by_hand) == [
        ("anonymous", "created", "c1", {"id": ID, "command": "unlock"}, "b1"),
        ("anonymous", "changed", "c1", {"id": ID, **changes}, "b1"),
    ]


async def test_what_the_charger_says_is_told_as_it_was(
    registry: RunningRegistry, gateways: Gateways
) -> None:
    await registered(registry, "/chargers/c1")
    await gateways.connect()
    gateways.answer = lambda _: {"status": "Rejected", "info": "Busy: soon"}
    async with gateways.hearing():
        answer = (await send(registry, "reset")).json()
    assert (answer["accepted"], answer["status"], answer["info"]) == (
        False,
        "Rejected",
        "Busy: soon",
    )


async def test_a_command_that_is_repeated_is_sent_once_and_answered_alike(
    registry: RunningRegistry, gateways: Gateways
) -> None:
    await registered(registry, "/chargers/c1")
    await registered(registry, "/chargers/c2")
    for charger in "c1", "c2":
        await gateways.connect(charger)
    async with gateways.hearing():
        first = await send(registry, id=ID)
        gateways.answer = lambda _: {"status": "Rejected"}
        assert (await send(registry, id=ID)).json() == first.json()
        other = await send(registry, "reset", id=ID)
        assert kind_of(other, 409, "unlock") == "command-was-sent"
        assert (await send(registry, charger="c2", id=ID)).json()["status"] == "Rejected"
    assert [each["charger"] for each in gateways.commands] == ["c1", "c2"]


async def test_the_same_command_to_two_registries_at_once_is_sent_once(
    registry: RunningRegistry, gateways: Gateways, start_registry: Any
) -> None:
    await registered(registry, "/chargers/c1")
    await gateways.connect()
    second = await start_registry()
    async with gateways.hearing():
        answers = await asyncio.gather(*(send(each, id=ID) for each in (registry, second) * 2))
    assert len(gateways.commands) == 1
    statuses = [each.status_code for each in answers]
    assert 200 in statuses
    assert set(statuses) <= {200, 409}


async def test_an_offline_charger_is_refused_and_nothing_is_noted(
    registry: RunningRegistry, gateways: Gateways, by_hand: By
) -> None:
    await registered(registry, "/chargers/c1")
    async with gateways.hearing():
        answer = await send(registry)
    assert kind_of(answer, 409, "c1", "not connected") == "charger-is-offline"
    assert (gateways.commands, await noted(by_hand)) == ([], [])


@pytest.mark.parametrize(
    ("ago", "words"), [(60.0, "does not speak OCPP"), (0.0, "Try again in a moment")]
)
async def test_a_charger_of_our_own_dialect_is_refused(
    registry: RunningRegistry, gateways: Gateways, ago: float, words: str
) -> None:
    await registered(registry, "/chargers/c1")
    await gateways.connect(ago=120)  # then it spoke OCPP
    await gateways.connect(ago=ago, dialect=None)
    async with gateways.hearing():
        answer = await send(registry)
    assert kind_of(answer, 409, words) == "speaks-no-ocpp"
    assert gateways.commands == []


@pytest.mark.usefixtures("impatient")
async def test_a_silent_charger_gives_504_and_is_not_asked_again(
    registry: RunningRegistry, gateways: Gateways, by_hand: By
) -> None:
    await registered(registry, "/chargers/c1")
    await gateways.connect()
    gateways.answer = lambda _: None
    async with gateways.hearing():
        assert kind_of(await send(registry, id=ID), 504, "once at most") == "no-answer"
        assert kind_of(await send(registry, id=ID), 409, "another id") == "command-was-sent"
    assert len(gateways.commands) == 1
    assert [action for _, action, *_ in await noted(by_hand)] == ["created"]


async def test_without_a_gateway_that_hears_nothing_is_sent(
    registry: RunningRegistry, gateways: Gateways, by_hand: By
) -> None:
    await registered(registry, "/chargers/c1")
    await gateways.connect()
    answer = await send(registry, id=ID)
    assert kind_of(answer, 503, "Nothing was sent") == "command-not-sent"
    assert answer.headers["Retry-After"]
    await assert_unsent(registry, answer, by_hand)
    async with gateways.hearing():
        assert kind_of(await send(registry, id=ID), 503, "another id") == "command-not-sent"
        assert kind_of(await send(registry, "reset", id=ID), 409) == "command-was-sent"
        assert (await send(registry, id=OTHER_ID)).status_code == 200
    assert [each["id"] for each in gateways.commands] == [OTHER_ID]


async def assert_unsent(registry: RunningRegistry, answer: httpx.Response, by_hand: By) -> None:
    """Check that the audit log has why the command was not sent, and that its id is not used."""
    entries = [(action, details) for _, action, _, details, _ in await noted(by_hand)]
    unsent = {"id": ID, "unsent": [None, answer.json()["detail"]]}
    assert entries == [("created", {"id": ID, "command": "unlock"}), ("changed", unsent)]
    assert kind_of(await send(registry, id=ID), 503, "another id") == "command-not-sent"


async def test_a_command_that_has_no_deadline_yet_is_not_noted(
    registry: RunningRegistry,
    gateways: Gateways,
    by_hand: By,
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await registered(registry, "/chargers/c1")
    await gateways.connect()

    async def away(*_: object) -> NoReturn:
        raise BusUnavailableError("Redis is away")

    async with gateways.hearing():
        with monkeypatch.context() as patched:
            patched.setattr(type(bus), "times_of", away)
            assert_problem(await send(registry, id=ID), 503)
        assert await noted(by_hand) == []
        assert (await send(registry, id=ID)).status_code == 200


async def test_of_two_outcomes_the_first_is_noted(
    registry: RunningRegistry, postgres_dsn: str
) -> None:
    await registered(registry, "/chargers/c1")
    by = Actor("olga")
    first, second = ({"accepted": True, "status": each, "info": ""} for each in ("A", "B"))
    async with Database(postgres_dsn) as database:
        database.migrated.set()
        async with database.write_transaction(by) as connection:
            await command_log.note(connection, by, "c1", ID, "unlock")
            for outcome in first, second:
                await command_log.note_outcome(connection, by, "c1", ID, outcome)
            found = await command_log.find(connection, "c1", ID)
    assert found == command_log.Noted("unlock", first)


@pytest.mark.parametrize(
    ("unsent", "said"),
    [
        ("superseded", (409, "charger-is-offline")),
        ("not_ocpp", (409, "speaks-no-ocpp")),
        ("busy", (503, "command-not-sent")),
        ("late", (503, "command-not-sent")),
    ],
)
async def test_what_a_gateway_did_not_send_is_said_and_noted(
    registry: RunningRegistry,
    gateways: Gateways,
    by_hand: By,
    unsent: str,
    said: tuple[int, str],
) -> None:
    await registered(registry, "/chargers/c1")
    await gateways.connect()
    gateways.answer = lambda _: {"unsent": unsent}
    async with gateways.hearing():
        answer = await send(registry, id=ID)
        assert (answer.status_code, kind_of(answer, said[0], "Nothing was sent")) == said
        await assert_unsent(registry, answer, by_hand)
    assert len(gateways.commands) == 1


async def test_a_connector_is_commanded_over_its_chargers_connection(
    registry: RunningRegistry, gateways: Gateways
) -> None:
    await registered(registry, "/chargers/c1")
    epoch = await gateways.connect()
    async with gateways.hearing():
        assert kind_of(await send(registry, charger="c1:2"), 404) == "not-registered"
        await registered(registry, "/chargers/c1:2")
        assert (await send(registry, charger="c1:2")).json()["charger"] == "c1:2"
        refused = await send(registry, "reset", charger="c1:2")
        assert_problem(refused, 422, "send it to c1")
    (command,) = gateways.commands
    assert (command["charger"], command["connector"], command["epoch"]) == ("c1", 2, epoch)


@pytest.mark.parametrize("charger", ["c9", "no%20id", "c1:1"])
async def test_what_is_not_registered_is_not_there(registry: RunningRegistry, charger: str) -> None:
    await registered(registry, "/chargers/c1")
    assert kind_of(await send(registry, charger=charger), 404) == "not-registered"


@pytest.mark.parametrize(
    "body",
    [{}, {"command": "start"}, {"command": "reset", "id": "1"}, {"command": "reset", "x": 1}],
)
async def test_what_is_no_command_is_refused(
    registry: RunningRegistry, body: dict[str, object]
) -> None:
    await registered(registry, "/chargers/c1")
    assert_problem(await registry.send("POST", "/chargers/c1/commands", body), 422)


async def test_a_registry_that_stops_answers_who_waits(
    registry: RunningRegistry, gateways: Gateways
) -> None:
    await registered(registry, "/chargers/c1")
    await gateways.connect()
    gateways.answer = lambda _: None
    async with gateways.hearing():
        waiting = asyncio.create_task(send(registry), name="operator")
        while not gateways.commands:  # noqa: ASYNC110 - heard elsewhere
            await asyncio.sleep(0.01)
        registry.stop.set()
        assert kind_of(await waiting, 504) == "no-answer"
