"""What comes in through TLS, and through a balancer, in both event loops: with real sockets."""

import asyncio
import contextlib
import gc
import shutil
import socket
import ssl
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop
from websockets.frames import Opcode

from services.gateway.kernel import unread_bytes
from services.gateway.limits.failed_handshakes import FailedHandshakes
from shared.contract.devices import Kind
from tests.fixtures.certificates import Ca
from tests.fixtures.proxy_header import proxy_header
from tests.unit.gateway.connection.parts import names_of_new, parts_of_connections
from tests.unit.gateway.entrance.port import Port, files_of
from tests.unit.gateway.fake_device import close_of, frame_of, head_of

ACCEPTED = b"HTTP/1.1 101 Switching Protocols"
KIB = 1024


async def frames_before_and_after_the_answer_are_heard(folder: Path) -> None:
    async with Port(folder) as port:
        reader, writer = await port.connect()
        writer.write(head_of("/things/t1") + frame_of(Opcode.PING, b"early"))
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == b"\x8a\x05early"
        writer.write(frame_of(Opcode.PING, b"late"))
        assert await reader.readexactly(6) == b"\x8a\x04late"
        writer.close()
        await port.until(lambda: not port.context.connections)


async def many_frames_at_once_are_all_heard(folder: Path) -> None:
    async with Port(folder, bytes_per_second=10**8, burst_bytes=10**8) as port:
        reader, writer, _ = await port.handshake()
        writer.write(b"".join(frame_of(Opcode.TEXT, b"%04d" % n) for n in range(5000)))
        for number in range(5000):
            assert await reader.readexactly(6) == b"\x81\x04%04d" % number
        writer.close()


async def a_device_that_sends_too_fast_is_not_read_ahead_from(folder: Path) -> None:
    async with Port(folder) as port:
        _, writer, _ = await port.handshake()
        reader = port.handlers[0].connection.reader
        writer.write(frame_of(Opcode.PONG, b"x" * 100) * 50_000)
        transport = cast("Any", reader.transport)
        await port.until(lambda: reader._paused and transport.get_read_buffer_size() > KIB * 32)
        # The TLS layer has stopped to read: the rest stays in the kernel, and with the device.
        await port.until(lambda: unread_bytes(transport.get_extra_info("socket")) > 0)
        assert transport.get_read_buffer_size() < KIB * 128
        writer.transport.abort()


async def a_refused_handshake_is_answered(folder: Path) -> None:
    async with Port(folder) as port:
        reader, writer, status = await port.handshake(None, "Authorization: Bearer wrong")
        assert status == b"HTTP/1.1 401 Unauthorized"
        assert b"secret" in await reader.read()  # to its end: the hub has closed
        writer.close()


async def a_connection_is_closed_by_the_hub_after_the_closing_handshake(folder: Path) -> None:
    async with Port(folder) as port:
        reader, writer, _ = await port.handshake()
        writer.write(close_of())
        assert await reader.read() == b"\x88\x02\x03\xe8"
        writer.close()
        await port.until(lambda: not port.context.connections)


async def nothing_is_left_to_the_garbage_collector(folder: Path) -> None:
    async with Port(folder) as port:
        gc.collect()
        gc.disable()
        known = parts_of_connections()
        try:
            _, writer, _ = await port.handshake()
            writer.transport.abort()
            await port.until(lambda: not port.context.connections)
            port.handlers.clear()
            await port.until(lambda: not names_of_new(known))
        finally:
            gc.enable()


async def what_arrived_before_the_answer_may_not_have_been_seen(folder: Path) -> None:
    async with Port(folder) as port:
        _, writer, _ = await port.handshake()
        writer.close()
        # Where it can be told that nothing came, it is.
        can_tell = isinstance(asyncio.get_running_loop(), uvloop.Loop)
        assert port.unread_before_answer.pop() is not can_tell
        for early in (frame_of(Opcode.PING), b"", b"part"):
            await _send_early(port, early)
            assert port.unread_before_answer.pop() is True


async def _send_early(port: Port, early: bytes) -> None:
    """Shake hands, with a record right behind the head's; of the last one only a part is sent."""
    sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = port.ca.client().wrap_bio(received, sent, server_hostname="localhost")
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    while True:
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            break
        writer.write(sent.read())
        received.write(await reader.read(1 << 16))
    tls.write(head_of("/things/t1"))
    head = sent.read()
    tls.write(early or b"whole")
    record = sent.read()
    writer.write(head + (record[:9] if early == b"part" else record))
    await port.until(lambda: port.unread_before_answer)
    writer.close()


async def closing_it_again_changes_nothing(folder: Path) -> None:
    async with Port(folder) as port:
        port.entrance.close()
        with pytest.raises(ConnectionRefusedError):
            await port.connect()


def _shake_hands(context: ssl.SSLContext, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        context.wrap_socket(connection, server_hostname="localhost")


async def a_wrong_client_is_refused_and_noted(folder: Path) -> None:
    async with Port(folder) as port:
        old = port.ca.client()
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        distrusting = Ca(folder / "other").client()
        for context, reason in ((old, "tls_version"), (distrusting, "hub_certificate")):
            # Not with asyncio, which ends without the alert that says why.
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.to_thread(_shake_hands, context, port.number)
            await port.until(lambda: port.refused)
            assert port.refused.pop() == (reason, "127.0.0.1")
        _, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(head_of("/things/t1"))
        await port.until(lambda: port.refused)
        assert port.refused.pop() == ("no_tls", "127.0.0.1")
        writer.close()


async def only_a_valid_certificate_of_the_ca_is_let_in(folder: Path) -> None:
    port = Port(folder)
    revoked = port.ca.device(Kind.CHARGER, "t2")
    port.ca.revoke(revoked)
    port.files = files_of(port.own, port.ca.certificate, port.ca.revoked, must=True)
    wrong = {
        "none": None,
        "ended": port.ca.device(Kind.CHARGER, "t3", ended=True),
        "revoked": revoked,
        "another CA's": Ca(folder / "other").device(Kind.CHARGER, "t1"),
    }
    async with port:
        good = port.ca.device(Kind.CHARGER, "t1")
        _, writer, status = await port.handshake(good)
        assert status == ACCEPTED
        assert port.presented[0].certificate is not None
        writer.close()
        for what, presented in wrong.items():
            # With TLS 1.3 a client learns of it only when it reads.
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await port.handshake(presented)
            await port.until(lambda: port.refused)
            assert port.refused.pop() == ("certificate", "127.0.0.1"), what


async def a_certificate_with_a_name_that_cannot_be_read_is_refused(folder: Path) -> None:
    port = Port(folder)
    port.files = files_of(port.own, port.ca.certificate)
    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: failed.append(what["message"]))
    async with port:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await port.handshake(port.ca.strange(b"urn:chargelight:charger:\xff"))
        await port.until(lambda: port.refused)
        assert port.refused == [("certificate", "127.0.0.1")]
        gc.collect()
        assert "Task exception was never retrieved" not in failed


async def a_certificate_that_is_not_asked_for_is_none(folder: Path) -> None:
    async with Port(folder) as port:
        _, writer, status = await port.handshake(Ca(folder / "other").device(Kind.CHARGER, "t1"))
        assert status == ACCEPTED
        assert not port.presented[0].certificate
        writer.close()


async def a_silent_connection_is_cut_off(folder: Path) -> None:
    async with Port(folder, handshake_seconds=0.05) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        assert await reader.read() == b""
        writer.close()
        await port.until(lambda: not port.entrance._entering)


async def renewed_certificates_leave_connections_alone(folder: Path) -> None:
    # In asyncio's loop each takes much longer, and there is no gateway that runs in it.
    many = 500 if isinstance(asyncio.get_running_loop(), uvloop.Loop) else 5
    async with Port(folder, handshake_seconds=60) as port:
        before = [await port.handshake() for _ in range(many)]
        serial = _serial_of(before[0][1])
        port.ca.server("localhost", file="server")  # the same files
        port.tls.look()
        after = await port.handshake()
        assert _serial_of(after[1]) != serial
        for reader, writer, _ in (*before, after):
            writer.write(frame_of(Opcode.PING, b"x"))
            assert await reader.readexactly(3) == b"\x8a\x01x"
            writer.close()


def _serial_of(writer: asyncio.StreamWriter) -> object:
    return writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]


async def files_that_do_not_fit_change_nothing(folder: Path) -> None:
    async with Port(folder) as port:
        other = port.ca.server("localhost", file="other")
        serials = []
        for new, own in (
            (port.own.key, port.own.key),
            (other.key, port.own.key),
            (other.certificate, port.own.certificate),
        ):
            if new != own:
                shutil.copy(new, own)
            port.tls.look()
            _, writer, _ = await port.handshake()
            serials.append(_serial_of(writer))
            writer.close()
        assert serials[0] == serials[1] != serials[2]


async def a_certificate_is_refused_once_it_is_revoked(folder: Path) -> None:
    port = Port(folder)
    port.files = files_of(port.own, port.ca.certificate, port.ca.revoked, must=True)
    device = port.ca.device(Kind.CHARGER, "t1")
    async with port:
        reader, writer, status = await port.handshake(device)
        other_reader, other, _ = await port.handshake(port.ca.device(Kind.CHARGER, "t2"))
        assert status == ACCEPTED
        port.ca.revoke(device)
        task = asyncio.create_task(port.revocation.run())
        port.tls.look()
        await port.until(lambda: port.refused == [("certificate", "127.0.0.1")])
        assert await reader.readexactly(4) == b"\x88\x1c\x03\xf0"  # close 1008
        task.cancel()
        writer.close()
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await port.handshake(device)
        other.write(frame_of(Opcode.PING))
        assert await other_reader.readexactly(2) == b"\x8a\x00"
        other.close()


async def a_certificate_that_is_revoked_during_the_handshake_is_not_let_in(folder: Path) -> None:
    port = Port(folder)
    port.files = files_of(port.own, port.ca.certificate, port.ca.revoked, must=True)
    device = port.ca.device(Kind.CHARGER, "t1")
    async with port:
        reader, writer = await port.connect(device)
        await port.until(lambda: not port.entrance._entering)  # TLS has checked it
        port.ca.revoke(device)
        port.tls.look()
        writer.write(head_of("/things/t1"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1\r\n" in await reader.readuntil(b"\r\n\r\n")
        writer.close()


async def a_balancer_tells_the_device_s_address(folder: Path) -> None:
    port = Port(folder, proxies=["127.0.0.0/8"])
    port.is_plain = True
    async with port:
        # 0x04: a TLV of no meaning (PP2_TYPE_NOOP).
        for source, address in (
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
            header = proxy_header(source, more=b"\x04\x00\x03abc") + head_of("/nowhere")
            writer.write(header[:20])
            await asyncio.sleep(0)
            writer.write(header[20:])
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")
            assert port.refused.pop() == ("wrong_path", address)
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(proxy_header("192.0.2.7", command=0) + head_of("/nowhere"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        assert port.refused.pop() == ("wrong_path", "127.0.0.1")
        writer.close()


async def silent_sockets_do_not_keep_a_device_out(folder: Path) -> None:
    # Longer than is waited here: else the deadline would end them.
    async with (
        asyncio.timeout(30),
        Port(folder, max_handshakes=5, max_connections=1, handshake_seconds=60) as port,
    ):
        silent = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(10)]
        _, writer, status = await port.handshake()
        assert status == ACCEPTED
        # The oldest went.
        assert [await reader.read() for reader, _ in silent[:5]] == [b""] * 5
        assert len(port.context.unopened) <= 5
        for each in (writer, *(writer for _, writer in silent)):
            each.transport.abort()
        await port.until(lambda: not port.context.connections and not len(port.context.unopened))


async def one_that_has_begun_with_tls_keeps_its_place(folder: Path) -> None:
    async with Port(folder, max_handshakes=2, handshake_seconds=60) as port:
        turns = cast("Any", port.context.turns)
        turns.take, turns.wait = lambda *_: False, lambda *_: True  # it waits for its turn
        with socket.create_connection(("127.0.0.1", port.number)) as device:
            device.sendall(_client_hello(port))
            await port.until(lambda: len(port.context.unopened) == 1)
            (begun,) = port.entrance._entering
            await port.until(lambda: not begun.is_idle)
            silent = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(5)]
            async with asyncio.timeout(30):
                assert [await reader.read() for reader, _ in silent[:4]] == [b""] * 4
            assert begun in port.entrance._entering
            for _, writer in silent:
                writer.close()


async def connected_devices_get_a_turn_between_two_that_enter(folder: Path) -> None:
    async with Port(folder) as port:
        waiting = [socket.create_connection(("127.0.0.1", port.number)) for _ in range(10)]
        entered = [0]
        while entered[-1] < len(waiting):
            await asyncio.sleep(0)
            entered.append(len(port.context.unopened))
        assert max(after - before for before, after in pairwise(entered)) == 1
        for each in waiting:
            each.close()
        await port.until(lambda: not len(port.context.unopened))


async def tls_begins_when_the_device_does_and_of_one_in_each_turn(folder: Path) -> None:
    async with Port(folder) as port:
        assert port.entrance.tls is not None
        context = port.entrance.tls.context
        layers = 0

        def count(*arguments: Any, **options: Any) -> ssl.SSLObject:
            nonlocal layers
            layers += 1
            return ssl.SSLContext.wrap_bio(context, *arguments, **options)

        context.wrap_bio = count  # type: ignore[method-assign]
        waiting = [socket.create_connection(("127.0.0.1", port.number)) for _ in range(10)]
        await port.until(lambda: len(port.context.unopened) == len(waiting))
        for _ in range(20):
            await asyncio.sleep(0)
        assert layers == 0, "nobody has said anything"
        for each in waiting:
            each.sendall(_client_hello(port))
        begun = [0]
        while begun[-1] < len(waiting):
            await asyncio.sleep(0)
            begun.append(layers)
        assert max(after - before for before, after in pairwise(begun)) == 1
        for each in waiting:
            each.close()
        await port.until(lambda: not len(port.context.unopened))


async def newcomers_wait_while_handshakes_come_to_nothing(folder: Path) -> None:
    class Noted(FailedHandshakes):
        counted = waited = 0

        def count(self, *, is_tls: bool) -> None:
            assert is_tls
            self.counted += 1

        def wait(self) -> float:
            self.waited += 1
            return 0.0

    async with Port(folder, without_balancer=True) as port:
        port.context.failed = noted = Noted(port.context.clock)
        _, writer, _ = await port.handshake()
        writer.close()
        assert (noted.counted, noted.waited) == (0, 1)
        _, writer, status = await port.handshake(None, "Authorization: Bearer wrong")
        writer.close()
        assert (status.split()[1], noted.counted) == (b"401", 1)
        with socket.create_connection(("127.0.0.1", port.number)) as device:
            device.sendall(b"no TLS at all")
            await port.until(lambda: noted.counted == 2)
        _, writer = await port.connect()
        writer.close()  # before it has sent a head
        await port.until(lambda: noted.counted == 3)
        assert noted.waited == 4


async def beyond_those_that_may_wait_a_device_is_cut_off_before_tls(folder: Path) -> None:
    async with Port(folder) as port:
        turns = port.context.turns
        cast("Any", turns).take = cast("Any", turns).wait = lambda *_: False
        with pytest.raises((ConnectionError, ssl.SSLError)):
            await port.connect()
        assert len(port.context.unopened) == 0
        assert port.refused == []


def _client_hello(port: Port) -> bytes:
    sent = ssl.MemoryBIO()
    tls = port.ca.client().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


async def the_devices_of_an_address_that_a_balancer_tells_are_limited(folder: Path) -> None:
    port = Port(folder, proxies=["127.0.0.0/8"], connections_per_address=1)
    port.is_plain = True
    statuses: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []
    async with port:
        # One that the balancer makes itself tells no address, so none is counted.
        for header in (
            *(proxy_header(source) for source in ("192.0.2.7", "192.0.2.7", "192.0.2.8")),
            *(proxy_header("192.0.2.7", command=0) for _ in range(2)),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
            writer.write(header + head_of("/things/t1"))
            statuses.append((await reader.readline()).split()[1])
            writers.append(writer)
        for writer in writers:
            writer.close()
    assert statuses == [b"101", b"429", b"101", b"101", b"101"]


async def a_header_comes_before_tls(folder: Path) -> None:
    async with Port(folder, proxies=["127.0.0.1/32"]) as port:
        device = socket.create_connection(("127.0.0.1", port.number))
        device.sendall(proxy_header("192.0.2.7"))
        reader, writer = await asyncio.open_connection(
            sock=device, ssl=port.ca.client(), server_hostname="localhost"
        )
        writer.write(head_of("/things/t1"))
        assert await reader.readline() == ACCEPTED + b"\r\n"
        assert port.handlers[0].connection.reader.address == "192.0.2.7"
        writer.close()


async def a_balancer_without_a_header_is_refused(folder: Path) -> None:
    port = Port(folder, proxies=["127.0.0.1/32"])
    port.is_plain = True
    async with port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(head_of("/things/t1"))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        assert port.refused == [("not_websocket", "127.0.0.1")]
        writer.close()


async def a_header_from_elsewhere_is_no_header(folder: Path) -> None:
    port = Port(folder, proxies=["192.0.2.0/24"])
    port.is_plain = True
    async with port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(proxy_header("192.0.2.9") + head_of("/things/t1"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        assert port.refused == [("not_websocket", "127.0.0.1")]
        writer.close()


SCENES = [
    frames_before_and_after_the_answer_are_heard,
    many_frames_at_once_are_all_heard,
    a_device_that_sends_too_fast_is_not_read_ahead_from,
    a_refused_handshake_is_answered,
    a_connection_is_closed_by_the_hub_after_the_closing_handshake,
    nothing_is_left_to_the_garbage_collector,
    what_arrived_before_the_answer_may_not_have_been_seen,
    a_wrong_client_is_refused_and_noted,
    only_a_valid_certificate_of_the_ca_is_let_in,
    a_certificate_with_a_name_that_cannot_be_read_is_refused,
    a_certificate_that_is_not_asked_for_is_none,
    a_silent_connection_is_cut_off,
    renewed_certificates_leave_connections_alone,
    files_that_do_not_fit_change_nothing,
    a_certificate_is_refused_once_it_is_revoked,
    a_certificate_that_is_revoked_during_the_handshake_is_not_let_in,
    a_balancer_tells_the_device_s_address,
    silent_sockets_do_not_keep_a_device_out,
    one_that_has_begun_with_tls_keeps_its_place,
    connected_devices_get_a_turn_between_two_that_enter,
    tls_begins_when_the_device_does_and_of_one_in_each_turn,
    newcomers_wait_while_handshakes_come_to_nothing,
    beyond_those_that_may_wait_a_device_is_cut_off_before_tls,
    the_devices_of_an_address_that_a_balancer_tells_are_limited,
    a_header_comes_before_tls,
    a_balancer_without_a_header_is_refused,
    a_header_from_elsewhere_is_no_header,
    closing_it_again_changes_nothing,
]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("scene", SCENES)
def test_an_entrance(
    scene: Callable[[Path], object],
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scene(tmp_path / "ca"))  # type: ignore[arg-type]
