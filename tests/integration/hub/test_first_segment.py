"""A frame sent in the same TCP segment as the end of the handshake counts."""

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from tests.fixtures.raw_frames import CLOSE, PING, handshake, masked, reading
from tests.fixtures.secured import open_port
from tests.integration.hub.booth import CHARGED, Booth, Stored, received
from tests.integration.hub.conftest import StartGateway

HEAD = handshake("/chargers/c1234")
READING = reading(100)


@pytest.mark.parametrize("cut", [0, 1, len(HEAD) - 1, len(HEAD), len(HEAD) + 1, len(HEAD) + 20])
async def test_it_counts_however_the_segments_are_cut(booth: Booth, cut: int) -> None:
    request = HEAD + READING
    async with booth.widget("wABCD") as widget:
        _, writer = await open_port(booth.host, booth.charger_port)
        for part in filter(None, (request[:cut], request[cut:])):
            writer.write(part)
            await writer.drain()
        assert await received(widget) == CHARGED
        writer.close()


async def test_ping_and_close_in_the_same_segment_are_answered_after_the_handshake(
    booth: Booth, stored: Stored
) -> None:
    request = HEAD + READING + masked(PING, b"p") + masked(CLOSE, b"\x03\xe8")
    reader, writer = await open_port(booth.host, booth.charger_port)
    writer.write(request)
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(_close_frame())
    await stored.until(lambda: stored.level("c1234"))


async def test_it_counts_also_when_the_directory_is_not_there_yet(
    stored: Stored, start_gateway: StartGateway
) -> None:
    booth = await start_gateway(device_auth="off")
    reader, writer = await open_port(booth.host, booth.charger_port)
    writer.write(HEAD + READING)
    async with asyncio.timeout(30):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    # More than a second may have passed since the handshake: then it is pinged first.
    answering = asyncio.create_task(_answer_pings(reader, writer))
    await stored.until(lambda: stored.level("c1234"))
    answering.cancel()
    writer.close()


async def _answer_pings(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        head = await reader.readexactly(2)
        payload = await reader.readexactly(head[1])
        if head[0] & 0x0F == Opcode.PING:
            writer.write(masked(Opcode.PONG, payload))


def _close_frame() -> bytes:
    return Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False)
