"""A charger against a hub: what firmware must do, the simulator does."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.simulator.devices.charger import Acknowledged, Charger, Complaint, Sent
from services.simulator.devices.connection import WatchedConnection
from services.simulator.devices.disconnect_reason import Closed, Refused, Silent, Unreachable
from services.simulator.devices.reconnect import Connected, Disconnected, Pace
from shared.contract.device_protocol import CloseCode
from tests.fixtures.certificates import Ca
from tests.unit.simulator.fake_hub import FakeHub, Heard


@asynccontextmanager
async def charger_of(
    hub: FakeHub, name: str = "c1", secret: str = ""
) -> AsyncIterator[tuple[Charger, Heard]]:
    heard = Heard()
    charger = Charger(name, hub.url, pace=Pace(random.Random(1)), secret=secret, notify=heard)
    running = asyncio.create_task(charger.run())
    try:
        yield charger, heard
    finally:
        running.cancel()
        await asyncio.wait({running})


def is_a(*kinds: type) -> Callable[[object], bool]:
    return lambda event: isinstance(event, kinds)


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub({"c1": "w1"}) as found:
        yield found


async def test_a_pong_acknowledges_the_reading_before_it(hub: FakeHub) -> None:
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await heard.until(is_a(Acknowledged))
        assert hub.stored == {"c1": 70}
        assert [e for e in heard if not isinstance(e, Connected)] == [
            Sent(1, 70),
            Acknowledged(1, 70),
        ]
        await charger.all_acknowledged()


async def test_a_charger_with_a_secret_presents_it_and_another_one_sends_no_header(
    hub: FakeHub,
) -> None:
    for secret, header in ("s" * 16, f"Bearer {'s' * 16}"), ("", None):
        async with charger_of(hub, secret=secret) as (_, heard):
            await heard.until(is_a(Connected))
            request = hub.connections["/chargers/c1"][-1].request
            assert request is not None
            assert request.headers.get("Authorization") == header


async def test_before_the_first_reading_there_is_nothing_to_wait_for(hub: FakeHub) -> None:
    async with charger_of(hub) as (charger, heard):
        await heard.until(is_a(Connected))
        async with asyncio.timeout(30):
            await charger.all_acknowledged()
        assert charger.is_acknowledged
        hub.holds_receipts = True
        await charger.report(70)
        assert not charger.is_acknowledged


async def test_a_reading_without_a_pong_is_not_acknowledged(hub: FakeHub) -> None:
    hub.holds_receipts = True
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await heard.until(is_a(Sent))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await charger.all_acknowledged()
        assert hub.stored == {"c1": 70}


async def test_a_later_reading_takes_the_acknowledgement_back(hub: FakeHub) -> None:
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await charger.all_acknowledged()
        hub.holds_receipts = True
        await charger.report(71)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await charger.all_acknowledged()
        assert heard.count(Acknowledged(1, 70)) == 1


async def test_many_readings_share_receipts_and_the_last_one_is_acknowledged(
    hub: FakeHub,
) -> None:
    async with charger_of(hub) as (charger, heard):
        await heard.until(is_a(Connected))
        for level in range(100):
            await charger.report(level)
        await charger.all_acknowledged()
        assert heard[-1] == Acknowledged(100, 99)
        assert [event.level for event in heard if isinstance(event, Sent)] == list(range(100))
        assert len([event for event in heard if isinstance(event, Acknowledged)]) < 100


async def test_a_reading_answered_with_an_error_is_not_acknowledged(hub: FakeHub) -> None:
    hub.answer = '{"event":"error","data":{"code":"out_of_range","message":"no"}}'
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        assert await heard.until(is_a(Complaint)) == Complaint("out_of_range", "no")
        hub.answer = ""
        await charger.report(71)
        await charger.all_acknowledged()
        assert Acknowledged(1, 70) not in heard


async def test_what_is_not_in_the_protocol_is_a_complaint(hub: FakeHub) -> None:
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await charger.all_acknowledged()
        hub.send("/chargers/c1", "hello")
        assert "hello" in (await heard.until(is_a(Complaint))).message


@pytest.mark.parametrize("code", [CloseCode.GOING_AWAY, 1000])
async def test_a_charger_connects_again_and_sends_its_level_again(hub: FakeHub, code: int) -> None:
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await charger.all_acknowledged()
        hub.stored.clear()
        await hub.close_all(code)
        await heard.until(is_a(Acknowledged), times=2)
        assert hub.stored == {"c1": 70}
        assert Closed(code, "the test says so") in [
            event.reason for event in heard if isinstance(event, Disconnected)
        ]


async def test_a_connection_without_a_goodbye_is_lost(hub: FakeHub) -> None:
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await charger.all_acknowledged()
        hub.abort_all()
        assert (await heard.until(is_a(Disconnected))).reason == Closed(1006)
        await heard.until(is_a(Acknowledged), times=2)


async def test_the_level_set_meanwhile_is_the_one_sent_on_reconnecting(hub: FakeHub) -> None:
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await charger.all_acknowledged()
        await hub.stop()
        await heard.until(is_a(Disconnected))
        await charger.report(71)
        await charger.report(72)
        assert not charger.connected
        await hub.start()
        await charger.all_acknowledged()
        assert [text for _, text in hub.readings[1:]] == [
            '{"event":"StateOfCharge","data":{"soc":72}}'
        ]


async def test_a_hub_that_is_not_there_is_tried_again(hub: FakeHub) -> None:
    await hub.stop()
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        reason = (await heard.until(is_a(Disconnected), times=2)).reason
        assert isinstance(reason, Unreachable)
        assert "refused" in reason.why
        await hub.start()
        await charger.all_acknowledged()


async def test_a_refused_handshake_is_tried_again(hub: FakeHub) -> None:
    hub.http_status = 503
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        assert (await heard.until(is_a(Disconnected))).reason == Refused(503, 0)
        hub.http_status = 0
        await charger.all_acknowledged()


async def test_an_unregistered_charger_is_closed_and_tries_again_slowly(hub: FakeHub) -> None:
    async with charger_of(hub, "c2") as (_, heard):
        lost = await heard.until(is_a(Disconnected))
        assert lost.reason == Closed(CloseCode.NOT_REGISTERED, "not registered")
        assert lost.retry_in >= 1


async def test_an_attempt_that_ends_like_the_last_one_is_not_told_as_a_connection(
    hub: FakeHub,
) -> None:
    async with charger_of(hub, "c2") as (charger, heard):
        await heard.until(is_a(Disconnected), times=2)
        assert len([event for event in heard if isinstance(event, Connected)]) == 1
        hub.pairs["c2"] = "w2"  # registered at last
        await charger.report(70)
        await charger.all_acknowledged()
        assert hub.stored == {"c2": 70}


async def test_an_older_connection_learns_with_its_next_reading_that_it_does_not_count(
    hub: FakeHub,
) -> None:
    async with charger_of(hub) as (older, heard_older), charger_of(hub) as (newer, heard):
        await heard_older.until(is_a(Connected))
        await heard.until(is_a(Connected))
        charger, heard_it = (older, heard_older)
        if hub.connections["/chargers/c1"][-1].remote_address == local_address(older):
            charger, heard_it = (newer, heard)
        await charger.report(5)
        lost = await heard_it.until(is_a(Disconnected))
        assert lost.reason == Closed(CloseCode.SUPERSEDED, "newer connection")
        assert lost.retry_in >= 1
        assert hub.stored == {}


def local_address(charger: Charger) -> object:
    assert charger._connection is not None
    return charger._connection.local_address


async def test_a_hub_that_fell_silent_is_given_up(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WatchedConnection, "silence_seconds", 0.2)
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await charger.all_acknowledged()
        hub.stop_readings()
        assert (await heard.until(is_a(Disconnected))).reason == Silent(0.2)
        await heard.until(is_a(Acknowledged), times=2)


async def test_a_hub_that_holds_receipts_back_but_lives_is_not_given_up(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Redis is away there are no pongs, but the hub's own pings go on."""
    monkeypatch.setattr(WatchedConnection, "silence_seconds", 1.0)
    hub.holds_receipts = True
    async with charger_of(hub) as (charger, heard):
        await charger.report(70)
        await heard.until(is_a(Sent))
        [connection] = hub.connections["/chargers/c1"]
        for _ in range(20):
            await (await connection.ping())
            await asyncio.sleep(0.1)  # twice the silence goes by, in small pieces
        assert not any(isinstance(event, Disconnected) for event in heard)


async def test_tls_on_one_side_only_is_told_in_words(tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*Ca(tmp_path).server("localhost"))

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    for server_tls, scheme, words in (
        (None, "wss", "it does not speak TLS"),
        (tls, "wss", "set SSL_CERT_FILE"),
        (tls, "ws", "if it speaks TLS, take wss://"),
    ):
        async with await asyncio.start_server(refuse, "127.0.0.1", 0, ssl=server_tls) as server:
            port = server.sockets[0].getsockname()[1]
            heard = Heard()
            url = f"{scheme}://localhost:{port}"
            charger = Charger("c1", url, pace=Pace(random.Random(1)), notify=heard)
            running = asyncio.create_task(charger.run())
            ended = await heard.until(is_a(Disconnected))
            assert words in ended.reason.why
            running.cancel()
            await asyncio.wait({running})
