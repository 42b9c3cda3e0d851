"""Requests without a valid API key wait for each other while there are many."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.registry.edge.strangers import Strangers
from tests.unit.gateway.fake_device import Clock

AT_ONCE = 25
"""Of strangers, before one must wait."""


def asked(*headers: str) -> bytes:
    return "\r\n".join(["GET /chargers HTTP/1.1", "Host: r", *headers, "", ""]).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def strangers(clock: Clock) -> Strangers:
    return Strangers(lambda key: key == b"valid", clock, lambda _: None)


@pytest.mark.parametrize(
    ("request_", "is_one"),
    [
        (asked(), True),
        (asked("Authorization: Bearer wrong"), True),
        (asked("Authorization: Basic valid"), True),
        (asked("X-Authorization: Bearer valid"), True),
        (asked("Authorization: Bearer valid"), False),
        (asked("authorization:bearer  valid"), False),
        (asked("Authorization: Bearer valid").replace(b"\r\n", b"\n"), False),
        (asked("Cookie: chargelight=valid"), False),
        (asked("Cookie: a=b; __Host-chargelight=valid; c=d"), False),
        (asked("Cookie: a=valid; chargelight=wrong"), True),
        (asked("Cookie: xchargelight=valid"), True),
        (asked() + b"Authorization: Bearer valid\r\n", True),
        (asked("Authorization: Bearer wrong")[:-1], False),
        (b"", False),
        (b"\x16\x03\x01 no HTTP", True),
    ],
    ids=[
        "no key",
        "wrong key",
        "another scheme",
        "another header",
        "valid key",
        "valid key, spelled otherwise",
        "valid key, short ends of lines",
        "valid session",
        "valid session with TLS, among other cookies",
        "wrong session",
        "another cookie",
        "key in the body",
        "half a head",
        "nothing yet",
        "no HTTP",
    ],
)
def test_a_stranger_is_who_has_no_valid_key_once_that_can_be_told(
    strangers: Strangers, request_: bytes, *, is_one: bool
) -> None:
    assert strangers.is_one(request_) is is_one


async def test_in_a_flood_of_any_length_a_hundred_a_second_have_their_turn(clock: Clock) -> None:
    strangers = Strangers(lambda _: False, clock)
    begun: list[str] = []

    def come(address: str) -> None:
        def begin() -> bool:
            begun.append(address)
            return True

        if strangers.take():
            begin()
        else:
            strangers.wait(address, begin)

    for _ in range(10_000):
        come("a")
        await asyncio.sleep(0)
    come("b")
    assert AT_ONCE <= len(begun) <= AT_ONCE + 10
    assert "b" not in begun
    clock.now += 0.1
    async with asyncio.timeout(30):
        while "b" not in begun:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.01)
    assert len(begun) < AT_ONCE + 20


async def test_one_that_has_gone_takes_no_time_of_others(clock: Clock) -> None:
    strangers = Strangers(lambda _: False, clock)
    for _ in range(100):
        strangers.wait("a", lambda: False)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(strangers) == 0


def test_only_so_many_wait(clock: Clock) -> None:
    strangers = Strangers(lambda _: False, clock, lambda _: None)
    while strangers.take():
        pass
    rooms = [strangers.wait("a", lambda: True) for _ in range(1000)]
    assert rooms == [True] * 500 + [False] * 500
    assert strangers.wait("b", lambda: True)


async def test_who_does_not_read_an_answer_keeps_no_other_waiting(clock: Clock) -> None:
    strangers = Strangers(lambda _: False, clock)
    may_answer, never = asyncio.Event(), asyncio.Event()

    async def answer(_: Scope, __: Receive, send: Send) -> None:
        await may_answer.wait()
        await send({})

    async def receive() -> Message:
        return {}

    async def send(_: Message) -> None:
        await never.wait()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(strangers.serve(answer, {}, receive, send)) for _ in range(4)]
        await asyncio.sleep(0)
        assert not strangers.take()
        may_answer.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert strangers.take()
        assert not any(task.done() for task in tasks)
        never.set()
