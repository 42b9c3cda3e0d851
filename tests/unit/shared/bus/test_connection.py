"""One connection to Redis: all that comes is parsed at once, and its end is noticed.

The other end is a script on a socket: it answers what a test says, byte by byte if need be.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY
from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.connection import RedisConnection
from shared.bus.connection_metrics import EXCHANGE
from shared.bus.refusals.refusal import RefusedError
from shared.bus.resp_encoding import encode_command
from shared.bus.script import Call, Script
from shared.bus.server import Server
from shared.bus.single_server_bus import SingleServerBus
from tests.fixtures.observations import observing

DEADLINE_SECONDS = 30

ECHO_A, ECHO_B = (encode_command(("ECHO", word)) for word in "ab")
GO, PING, A, B = (encode_command((word,)) for word in ("GO", "PING", "A", "B"))

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(talk: Talk) -> AsyncIterator[str]:
    """Serve what greets like Redis and then talks as it is told; return where."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # CLIENT SETNAME and two CLIENT SETINFO; then the connection is open.
            for _ in range(3):
                await next_command(reader)
                writer.write(b"+OK\r\n")
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def opened(talk: Talk) -> AsyncIterator[RedisConnection]:
    """Open a connection to a server that talks as it is told once the connection says GO."""

    async def go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next_command(reader)
        await talk(reader, writer)

    async with served(go) as url:
        connection = RedisConnection(url, "test")
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await connection.open()
                await connection.send(GO)
                yield connection
        finally:
            await connection.close()


async def next_command(reader: asyncio.StreamReader) -> None:
    for _ in range(2 * int((await reader.readline())[1:])):
        await reader.readline()


def saying(data: bytes, *, after: int = 0, hangs_up: bool = False) -> Talk:
    """Return a talk that says this after so many commands."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(after):
            await next_command(reader)
        writer.write(data)
        if not hangs_up:
            await reader.read()

    return talk


async def replies(connection: RedisConnection, count: int) -> list[Any]:
    found: list[Any] = []
    while len(found) < count:
        found += await connection.receive()
    return found


async def test_all_that_comes_together_is_returned_together() -> None:
    said = b"+PONG\r\n$3\r\nabc\r\n:7\r\n*2\r\n$1\r\na\r\n$-1\r\n"
    async with opened(saying(said, after=1)) as connection:
        await connection.send(PING)
        assert await connection.receive() == [b"PONG", b"abc", 7, [b"a", None]]


async def test_a_reply_in_pieces_is_put_together() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"$5\r\nhello\r\n+OK\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with opened(talk) as connection:
        assert await replies(connection, 2) == [b"hello", b"OK"]


async def test_an_exchange_waits_for_all_replies_and_keeps_their_order() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"$1\r\nb\r\n")
        writer.write(b"$1\r\na\r\n")
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"$1\r\nb\r\n")
        await reader.read()

    async with opened(talk) as connection:
        assert await connection.exchange(ECHO_A + ECHO_B, 2) == [b"a", b"b"]


async def test_an_error_is_a_reply_with_its_whole_text() -> None:
    async with opened(saying(b"-MOVED 3999 127.0.0.1:6381\r\n+OK\r\n")) as connection:
        error, fine = await replies(connection, 2)
        assert isinstance(error, ResponseError)
        assert str(error) == "MOVED 3999 127.0.0.1:6381"
        assert fine == b"OK"


async def test_what_came_before_the_end_is_returned_before_the_loss() -> None:
    async with opened(saying(b"+LAST\r\n", hangs_up=True)) as connection:
        assert await connection.receive() == [b"LAST"]
        with pytest.raises(BusUnavailableError, match="closed"):
            await connection.receive()
        with pytest.raises(BusUnavailableError, match="closed"):
            await connection.send(PING)


@pytest.mark.parametrize(
    ("talk", "text"),
    [
        (saying(b"+ONE\r\n", after=1, hangs_up=True), "lost Redis"),
        (saying(b"+ONE\r\n+TWO\r\n+THREE\r\n", after=1), "no command asked"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol"),
    ],
    ids=["the connection ends", "too many replies", "no Redis"],
)
async def test_a_loss_ends_the_wait_of_an_exchange(talk: Talk, text: str) -> None:
    async with opened(talk) as connection:
        with pytest.raises(BusUnavailableError, match=text):
            await connection.exchange(A + B, 2)


async def test_a_server_that_does_not_read_is_waited_for() -> None:
    read_on = asyncio.Event()
    size = 64 * 1024 * 1024  # more than both kernels' buffers take

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_on.wait()
        await reader.readexactly(size)
        writer.write(b"+READ\r\n")
        await reader.read()

    async with opened(talk) as connection:
        sending = asyncio.create_task(connection.send(encode_command(("SET", "a", b"x" * size))))
        done, _ = await asyncio.wait([sending], timeout=0.2)
        assert not done
        read_on.set()
        await sending
        assert await connection.receive() == [b"READ"]


async def test_an_exchange_has_its_time() -> None:
    async with opened(saying(b"+ONE\r\n")) as connection:
        assert await connection.exchange(A, 1, seconds=30) == [b"ONE"]
        with pytest.raises(BusUnavailableError, match="does not answer in time"):
            await connection.exchange(A, 1, seconds=0.05)


async def test_so_has_one_that_redis_does_not_read() -> None:
    hung_up = asyncio.Event()

    async def talk(*_: object) -> None:
        await hung_up.wait()

    data = encode_command(("SET", "a", b"x" * 64 * 1024 * 1024))
    async with opened(talk) as connection:
        with pytest.raises(BusUnavailableError, match="does not answer in time"):
            await connection.exchange(data, 1, seconds=0.05)
        hung_up.set()


async def test_an_answer_just_before_the_end_of_its_time_counts() -> None:
    async with opened(saying(b"+ONE\r\n", after=1)) as connection:
        waiting = connection.exchange(A, 1, seconds=30)
        deadline = connection._deadline
        assert deadline is not None
        assert await waiting == [b"ONE"]
        assert deadline.cancelled(), "a timer that is due already does nothing"


async def test_after_an_exchange_that_was_given_up_its_late_reply_is_taken_for_no_other() -> None:
    late = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next_command(reader)
        await late.wait()
        writer.write(b"+LATE\r\n")
        await reader.read()

    async with opened(talk) as connection:
        asking = asyncio.ensure_future(connection.exchange(A, 1))
        asking.cancel()
        late.set()
        with pytest.raises(BusUnavailableError, match="no command asked"):
            await connection.exchange(B, 1)


async def test_a_bus_whose_redis_hangs_is_away_and_does_not_take_late_answers() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            await next_command(reader)
            writer.write(b"+GOOD\r\n")
        await reader.read()

    async with served(talk) as url:
        bus = SingleServerBus(url, "test", "hanging")
        with (
            observing(EXCHANGE.of("hanging")) as given_up,
            pytest.raises(BusUnavailableError, match="does not answer in time"),
        ):
            await bus.command("PING")
        assert given_up.count == 1
        assert given_up.total >= 1.0  # beyond the last bound
        lost = REGISTRY.get_sample_value(
            "chargelight_redis_losses_total", {"connection": "hanging"}
        )
        assert lost == 1
        assert not bus.connected
        assert await bus.command("PING") == b"GOOD"
        await bus.close()


async def test_a_connection_that_was_never_opened_says_so() -> None:
    connection = RedisConnection("redis://127.0.0.1:1/0", "test")
    with pytest.raises(BusUnavailableError, match="not connected"):
        await connection.send(PING)
    with pytest.raises(BusUnavailableError, match="cannot connect"):
        await connection.open()


async def test_scripts_that_are_flushed_at_any_moment_are_loaded_again() -> None:
    script = Script("nothing", "return 0", sha="0123")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Flushed before the run, and twice between loading and running.
        for _ in range(3):
            await next_command(reader)
            writer.write(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
            await next_command(reader)
            writer.write(b"$1\r\n1\r\n")
        await next_command(reader)
        writer.write(b":7\r\n")
        await reader.read()

    async with served(talk) as url:
        bus = SingleServerBus(url, "test")
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await bus.run([Call(script, ("k",), ())]) == [7]
        assert bus.connected
        assert bus.trouble is None
        await bus.close()


@pytest.mark.parametrize(
    ("error", "ends", "reason"),
    [
        ("OOM command not allowed", False, "Redis is full"),
        ("NOPERM User g has no permissions to run the 'get' command", False, "the right [+]get"),
        ("READONLY You can't write against a read only replica.", True, "is a replica"),
    ],
)
async def test_a_refusal_says_why_and_closes_only_where_another_server_may_be_better(
    error: str,
    ends: bool,  # noqa: FBT001 - a row of a table
    reason: str,
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next_command(reader)
        writer.write(f"-{error}\r\n".encode())
        await reader.read()

    async with served(talk) as url:
        bus = SingleServerBus(url, "test")
        async with asyncio.timeout(DEADLINE_SECONDS):
            with pytest.raises(RefusedError, match=reason):
                await bus.command("GET", "k")
        assert bus.connected is not ends
        assert isinstance(bus.trouble, RefusedError)
        await bus.close()


async def test_after_a_refusal_callers_are_told_as_after_a_reconnect() -> None:
    # A script may have been stopped half way.
    now = 100.0
    answers = [b"-OOM command not allowed\r\n", b":1\r\n", b":2\r\n", b":3\r\n"]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await next_command(reader)
            writer.write(answer)
        await reader.read()

    told: list[float] = []
    async with served(talk) as url:
        server = Server(url, "test", clock=lambda: now)
        server.on_reconnected(lambda: told.append(now))
        await server.exchange(PING, 1)
        await server.exchange(PING, 1)
        assert told == []  # reads may be answered while writes are refused
        now += 3
        assert server.trouble is None
        await server.exchange(PING, 1)
        await server.exchange(PING, 1)
        assert told == [103.0]
        await server.close()


async def test_what_redis_says_instead_of_a_greeting_is_the_reason() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-DENIED Redis is running in protected mode because ...\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = RedisConnection(f"redis://127.0.0.1:{port}/0", "test")
    with pytest.raises(RefusedError, match="protected mode"):
        await connection.open()
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def silent_but_for(answer: bytes, heard: list[bytes]) -> AsyncIterator[int]:
    """Serve what answers PING, and waits for more of all else, as Redis does; yield its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            heard.append(await reader.read(1000))
            if heard[-1] == b"PING\r\n":
                writer.write(answer)
            await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("answer", [b"+PONG\r\n", b"-NOAUTH Authentication required.\r\n"])
async def test_a_redis_without_tls_is_told_from_one_that_does_not_answer(answer: bytes) -> None:
    heard: list[bytes] = []
    async with silent_but_for(answer, heard) as port:
        connection = RedisConnection(f"rediss://user:hush-hush@127.0.0.1:{port}/0", "test")
        with pytest.raises(RefusedError, match=r"not answer with TLS.*begin with redis://") as told:
            await connection.open()
    assert told.value.refusal.is_setting
    assert not any(b"hush" in each for each in heard), "no password goes out plain"


@pytest.mark.parametrize("answer", [b"", b"\x15\x03\x03\x00\x02\x02\x0a"])
async def test_what_does_not_answer_like_redis_may_be_away(answer: bytes) -> None:
    async with silent_but_for(answer, []) as port:
        connection = RedisConnection(f"rediss://127.0.0.1:{port}/0", "test")
        with pytest.raises(BusUnavailableError, match="cannot connect to Redis") as told:
            await connection.open()
    assert not isinstance(told.value, RefusedError)


async def test_a_redis_that_hangs_is_said_not_to_answer() -> None:
    async with silent_but_for(b"", []) as port:
        connection = RedisConnection(f"redis://127.0.0.1:{port}/0", "test")
        with pytest.raises(BusUnavailableError) as told:
            await connection.open()
    assert str(told.value) == "cannot connect to Redis: it does not answer in time"


async def test_a_name_is_resolved_again_for_each_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next_command(reader)
        writer.write(b"+PONG\r\n")
        writer.close()

    asked: list[str] = []
    resolve = socket.getaddrinfo

    def look_up(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return resolve("127.0.0.1" if host == "redis.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with served(talk) as url:
        server = Server(url.replace("127.0.0.1", "redis.example"), "test")
        for _ in range(2):
            await server.exchange(PING, 1)
            await server.drop_connection("moved")
    assert asked.count("redis.example") == 2


async def test_a_refusal_of_a_connection_that_is_not_used_any_more_is_soon_forgotten() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR max number of clients reached\r\n")
        writer.close()

    now = 100.0
    listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    server = Server(f"redis://127.0.0.1:{port}/0", "test", clock=lambda: now)
    with pytest.raises(RefusedError):
        await server.exchange(PING, 1)
    assert isinstance(server.trouble, RefusedError)
    now += 3
    assert server.trouble is not None
    assert not isinstance(server.trouble, RefusedError)
    listener.close()
    await listener.wait_closed()
