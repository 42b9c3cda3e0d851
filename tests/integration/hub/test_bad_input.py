"""Bad input costs its sender an answer, or its connection, and nobody else anything."""

import asyncio
import json
import logging

import pytest
from redis.asyncio import Redis

from tests.fixtures.raw_frames import handshake
from tests.fixtures.redis_at import is_cluster_wanted
from tests.fixtures.secured import open_port
from tests.integration.hub.booth import (
    CHARGED,
    Booth,
    Stored,
    close_code,
    reading,
    receipt,
    received,
)

MARK = "zzz9"
"""Stands in all bad input, to be looked for where it must not be."""

BAD_FRAMES: dict[str, tuple[str | bytes, str]] = {
    "not JSON": (f"hello {MARK}", "not_json"),
    "half of JSON": ('{"event":"StateOfCharge","data":{"soc":7', "not_json"),
    "NaN": ('{"event":"StateOfCharge","data":{"soc":NaN}}', "not_json"),
    "Infinity": ('{"event":"StateOfCharge","data":{"soc":Infinity}}', "not_json"),
    "a key twice": ('{"event":"StateOfCharge","data":{"soc":70,"soc":100}}', "not_json"),
    "a key twice, hidden": (
        '{"event":"StateOfCharge","data":{"soc":70,"s\\u006fc":100}}',
        "not_json",
    ),
    "deep nesting": ("[" * 1000, "not_json"),
    "wrong event": (f'{{"event":"{MARK}","data":{{"soc":70}}}}', "unknown_event"),
    "no event": ('{"data":{"soc":70}}', "unknown_event"),
    "a list": ("[1]", "unknown_event"),
    "missing soc": ('{"event":"StateOfCharge","data":{}}', "invalid_reading"),
    "missing data": ('{"event":"StateOfCharge"}', "invalid_reading"),
    "soc as text": ('{"event":"StateOfCharge","data":{"soc":"100"}}', "invalid_reading"),
    "soc true": ('{"event":"StateOfCharge","data":{"soc":true}}', "invalid_reading"),
    "soc null": ('{"event":"StateOfCharge","data":{"soc":null}}', "invalid_reading"),
    "-1": (reading(-1), "out_of_range"),
    "101": (reading(101), "out_of_range"),
    "1e400": ('{"event":"StateOfCharge","data":{"soc":1e400}}', "out_of_range"),
    "a binary frame": (MARK.encode(), "not_text"),
}


@pytest.mark.parametrize("name", {code: name for name, (_, code) in BAD_FRAMES.items()}.values())
async def test_a_bad_frame_gets_an_error_event_and_the_next_good_one_counts(
    booth: Booth, name: str
) -> None:
    frame, code = BAD_FRAMES[name]
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(frame)
        answer = json.loads(await received(charger))
        assert answer["event"] == "error"
        assert answer["data"]["code"] == code
        assert MARK not in answer["data"]["message"]
        await charger.send(reading(100))
        assert await received(widget) == CHARGED


async def test_a_widget_that_speaks_gets_an_error_event(booth: Booth) -> None:
    async with booth.widget("wABCD") as widget:
        await widget.send(reading(100))
        assert json.loads(await received(widget))["data"]["code"] == "unexpected"


@pytest.mark.parametrize("size", [1025, 5000, 2**20])
async def test_a_huge_frame_closes_its_connection_with_1009(booth: Booth, size: int) -> None:
    async with booth.charger("c1234") as charger:
        await charger.send("[" * size)
        assert await close_code(charger) == 1009


async def test_a_message_in_too_many_fragments_is_closed_with_1009(booth: Booth) -> None:
    async with booth.charger("c1234") as charger:
        await charger.send([""] * 100)
        assert await close_code(charger) == 1009


BAD_PATHS = {
    "newline": f"/chargers/c1\n{MARK}",
    "newline, escaped": f"/chargers/c1%0A{MARK}",
    "slash": f"/chargers/a/{MARK}",
    "wildcard": f"/chargers/{MARK}*",
    "hash tag": f"/chargers/{{{MARK}}}",
    "65 characters": "/chargers/" + (MARK * 20)[:65],
    "nothing": "/chargers/",
    "not ASCII": f"/chargers/{MARK}ä",
    "a widget's path": f"/widgets/{MARK}",
    "no path": "/",
}


@pytest.mark.parametrize("name", BAD_PATHS)
async def test_an_id_that_cannot_be_is_refused_in_the_handshake(booth: Booth, name: str) -> None:
    answer = await _raw(booth, handshake(BAD_PATHS[name]))
    # A raw newline or a byte beyond ASCII is no HTTP at all: such a one is just cut off.
    expected = (b"", b"HTTP/1.1 404") if name in ("newline", "not ASCII") else b"HTTP/1.1 404"
    assert answer.startswith(expected)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /chargers/c1234 HTTP/1.1\r\nHost: x\r\n\r\n", b"426"),
        (b"POST /chargers/c1234 HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"GET /chargers/c1234 HTTP/1.0\r\nHost: x\r\n\r\n", b"505"),
    ],
)
async def test_what_is_no_websocket_handshake_is_refused(
    open_booth: Booth, request_bytes: bytes, status: bytes
) -> None:
    assert (await _raw(open_booth, request_bytes)).startswith(b"HTTP/1.1 " + status)


async def test_a_handshake_from_a_web_page_is_refused(booth: Booth) -> None:
    request = handshake("/chargers/c1234", "Origin: https://example.org")
    assert (await _raw(booth, request)).startswith(b"HTTP/1.1 403")


async def test_an_endless_head_is_cut_off(booth: Booth) -> None:
    request = b"GET /chargers/c1234 HTTP/1.1\r\n" + b"X: " + b"a" * 20_000
    assert b" 101 " not in await _raw(booth, request)


async def test_nothing_of_bad_input_reaches_a_key_a_channel_or_the_log(
    booth: Booth, stored: Stored, redis_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if is_cluster_wanted():
        pytest.skip("nobody hears all sharded channels at once, whatever their names")
    async with Redis.from_url(redis_url) as client, client.pubsub() as listening:
        await listening.psubscribe("*")
        async with booth.charger("c1234") as charger:
            for frame, _ in BAD_FRAMES.values():
                await charger.send(frame)
                await received(charger)
                await charger.send(reading(1))
                await receipt(charger)
        for path in BAD_PATHS.values():
            await _raw(booth, handshake(path))
        await stored.client.publish("end", "end")
        heard = []
        async for message in listening.listen():
            heard.append(str(message))
            if message["channel"] == b"end":
                break
        keys = [key async for key in stored.client.scan_iter()]
    assert len(heard) > len(BAD_FRAMES)
    assert MARK not in str(heard)
    assert MARK not in str(keys)
    captured = capfd.readouterr()
    assert MARK not in captured.out + captured.err


async def test_bad_input_of_one_charger_does_not_disturb_another(
    booth: Booth, stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await stored.pair("c5678", "wEFGH", 8)
    async with booth.widget("wEFGH") as widget, booth.charger("c5678") as good:
        for frame, _ in BAD_FRAMES.values():
            async with booth.charger("c1234") as bad:
                await bad.send(frame)
                await received(bad)
        await good.send(reading(100))
        assert await received(widget) == CHARGED
    assert not caplog.records


async def _raw(booth: Booth, request: bytes) -> bytes:
    async with asyncio.timeout(30):
        reader, writer = await open_port(booth.host, booth.charger_port)
        writer.write(request)
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()
