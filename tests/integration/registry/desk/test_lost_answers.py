"""A hand-over or a collection whose answer was lost is repeated, and happens once.

The network goes away at each step between the client and the registry.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry
from tests.integration.registry.in_redis import InRedis
from tests.integration.registry.test_rentals import Desk

Step = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes, bytes], Awaitable[None]]


async def no_request_arrives(
    _reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _head: bytes, _body: bytes
) -> None:
    await writer.drain()


async def half_of_the_head_arrives(
    _reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, _body: bytes
) -> None:
    writer.write(head[: len(head) // 2])
    await writer.drain()


async def half_of_the_body_arrives(
    _reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes
) -> None:
    writer.write(head + body[: len(body) // 2])
    await writer.drain()


async def the_client_leaves_while_it_happens(
    _reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes
) -> None:
    writer.write(head + body)
    await writer.drain()


async def the_answer_is_never_read(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes
) -> None:
    writer.write(head + body)
    assert await reader.readexactly(1) == b"H"


async def half_of_the_answer_is_read(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes
) -> None:
    writer.write(head + body)
    answered = await reader.readuntil(b"\r\n\r\n")
    assert answered.split()[1] in {b"200", b"201"}


STEPS: list[Step] = [
    no_request_arrives,
    half_of_the_head_arrives,
    half_of_the_body_arrives,
    the_client_leaves_while_it_happens,
    the_answer_is_never_read,
    half_of_the_answer_is_read,
]


class Losing:
    """A client whose network goes away at a step."""

    def __init__(self, registry: RunningRegistry, step: Step) -> None:
        self._address = urlsplit(registry.url)
        self._step = step

    async def put(self, path: str, body: object) -> None:
        """Send a request whose answer does not come, and have its connection reset."""
        host, port = self._address.hostname, self._address.port
        assert host
        assert port
        text = json.dumps(body).encode()
        head = (
            f"PUT {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(host, port)
        await self._step(reader, writer, head.encode(), text)
        writer.transport.abort()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
async def test_what_is_repeated_with_the_same_id_happens_once(
    start_registry: StartRegistry, by_hand: By, in_redis: InRedis, step: Step
) -> None:
    registry = await start_registry()
    desk, losing = Desk(registry), Losing(registry, step)
    await desk.register("c1", "w1")
    path = f"/rentals/{uuid.uuid4()}"
    hand_over = {"charger": "c1", "widget": "w1", "ticket": "0815"}

    await losing.put(path, hand_over)
    opened = await _repeated(desk, path, hand_over)
    entry = {"pairing": opened["pairing_number"], "charger": "c1"}
    assert await in_redis.widget("w1") == entry, "paired once: no number was drawn since"

    kept = {"widget_returned": False}
    await losing.put(f"{path}/collection", kept)
    collected = await _repeated(desk, f"{path}/collection", kept)
    await losing.put(f"{path}/widget-return", {})
    returned = await _repeated(desk, f"{path}/widget-return", {})

    following = await desk.open("c1", "w1")
    assert await desk.said("PUT", f"{path}/collection", kept) == returned
    assert await desk.said("PUT", path, hand_over) == returned
    assert (await desk.said("GET", f"/rentals/{following['id']}")) == following

    await registry.end()  # what was left without a client has ended, too
    assert returned == collected | {"widget_returned_at": returned["widget_returned_at"]}
    changes = await by_hand.execute(
        "SELECT action, count(*)::int FROM audit_log WHERE kind = 'rental' AND subject = %s"
        " GROUP BY action",
        (opened["id"],),
    )
    assert dict(await changes.fetchall()) == {"created": 1, "changed": 2}
    rentals = await by_hand.execute("SELECT count(*)::int FROM rentals")
    assert await rentals.fetchall() == [(2,)]


async def _repeated(desk: Desk, path: str, body: object) -> dict[str, Any]:
    """Repeat a request as a client does: until there is an answer, and once more."""
    first = await desk.send("PUT", path, body)
    assert first.status_code in {200, 201}, first.text
    again = await desk.said("PUT", path, body)
    assert again == first.json()
    return again


async def test_the_same_hand_over_at_the_same_moment_happens_once(desk: Desk, by_hand: By) -> None:
    path = f"/rentals/{uuid.uuid4()}"
    body = {"charger": "c1", "widget": "w1"}
    answers = await asyncio.gather(*(desk.send("PUT", path, body) for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [200, 200, 200, 200, 201]
    assert len({each.json()["pairing_number"] for each in answers}) == 1
    rentals = await by_hand.execute("SELECT count(*)::int FROM rentals")
    assert await rentals.fetchall() == [(1,)]


async def test_a_hand_over_whose_answer_is_late_takes_no_second_widget(desk: Desk) -> None:
    """The client asks again with the same id for another widget: it is told what happened."""
    path = f"/rentals/{uuid.uuid4()}"
    await desk.said("PUT", path, {"charger": "c1", "widget": "w1"}, 201)
    problem = await desk.refused(
        "PUT", path, {"charger": "c1", "widget": "w2"}, 409, "rental-exists"
    )
    assert problem["widget"] == "w1"
    assert (await desk.send("GET", "/widgets/w2/pairing")).status_code == 404
