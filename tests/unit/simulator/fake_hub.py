"""A hub small enough to be seen through: one process, one port, no Redis.

It keeps the promises that the simulator relies on, and breaks them on request.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from shared.contract.device_protocol import ChargingStatus, CloseCode


class DeviceConnection(ServerConnection):
    """Hands each frame to the hub the moment it comes: what is read is stored."""

    def __init__(self, *args: Any, hub: "FakeHub", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hub = hub
        self._library_recv_frame = self.protocol.recv_frame
        self.protocol.recv_frame = self._recv_frame  # type: ignore[method-assign]

    def _recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PING:  # the library would answer at once
            self.protocol.events.append(frame)
        else:
            self._library_recv_frame(frame)

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            self._hub.take(self, bytes(event.data).decode())
        elif isinstance(event, Frame) and event.opcode is Opcode.PING:
            if not self._hub.holds_receipts:
                self.protocol.send_pong(event.data)
                self.send_data()
        else:
            super().process_event(event)

    def write(self, text: str) -> None:
        self.protocol.send_text(text.encode())
        self.send_data()


class FakeHub:
    """A hub for the given pairs (widget id by charger id).

    Attributes:
        readings: What chargers sent: id and text, in order.
        stored: The newest state of charge of each charger, in percent.
        connections: All that are open, by path.
        holds_receipts: Answer no pings.
        shown: Turns the status that a level calls for into what widgets are sent;
            none sends nothing.
        answer: Sent to a charger for each reading, if set.
    """

    def __init__(self, pairs: dict[str, str]) -> None:
        self.pairs = pairs
        self.readings: list[tuple[str, str]] = []
        self.stored: dict[str, float] = {}
        self.connections: dict[str, list[DeviceConnection]] = {}
        self.holds_receipts = False
        self.shown: Callable[[ChargingStatus], ChargingStatus | None] = lambda status: status
        self.answer = ""
        self.http_status = 0
        self.handshakes = 0
        self._server: Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, from the second time on at the same port."""
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            self._port,
            compression=None,
            ping_interval=None,
            close_timeout=1,
            create_connection=partial(DeviceConnection, hub=self),  # type: ignore[arg-type]
            process_request=self._process_request,
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self, code: int = CloseCode.GOING_AWAY) -> None:
        if self._server is not None:
            # Python 3.11 leaks a connection that it accepts while the server
            # closes: accept no more, and finish those under way, first.
            for listener in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listener.fileno())
            for _ in range(3):
                await asyncio.sleep(0)
            await self.close_all(code)
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def close_all(self, code: int) -> None:
        for connection in self._all():
            await connection.close(code, "the test says so")

    def abort_all(self) -> None:
        """Cut all connections without a goodbye."""
        for connection in self._all():
            connection.transport.abort()

    def stop_readings(self) -> None:
        """Neither read nor write on any connection, but keep them open."""
        for connection in self._all():
            connection.transport.pause_reading()

    def send(self, path: str, text: str) -> None:
        for connection in self.connections[path]:
            connection.write(text)

    def take(self, connection: DeviceConnection, text: str) -> None:
        """Handle a frame of a charger."""
        path = connection.request.path if connection.request else ""
        charger = path.removeprefix("/chargers/")
        if self.connections[path][-1] is not connection:
            connection.protocol.send_close(CloseCode.SUPERSEDED, "newer connection")
            connection.send_data()
            return
        self.readings.append((charger, text))
        self.stored[charger] = json.loads(text)["data"]["soc"]
        if self.answer:
            connection.write(self.answer)
        self._light(self.pairs[charger])

    def _light(self, widget: str) -> None:
        charger = next(c for c, w in self.pairs.items() if w == widget)
        if charger not in self.stored:
            return
        status = self.shown(status_of(self.stored[charger]))
        for connection in self.connections.get(f"/widgets/{widget}", []):
            if status is not None:
                connection.write(status_text(status))

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, DeviceConnection)
        assert connection.request is not None
        path = connection.request.path
        kind, _, device = path.lstrip("/").partition("/")
        known: Iterable[str] = self.pairs if kind == "chargers" else self.pairs.values()
        if device not in known:
            await connection.close(CloseCode.NOT_REGISTERED, "not registered")
            return
        self.connections.setdefault(path, []).append(connection)
        if kind == "widgets":
            self._light(device)
        await connection.wait_closed()
        self.connections[path].remove(connection)

    def _process_request(self, connection: ServerConnection, _request: Request) -> Any:
        self.handshakes += 1
        if not self.http_status:
            return None
        response = connection.respond(self.http_status, "the test says so\n")
        response.headers["Retry-After"] = "0"
        return response

    def _all(self) -> list[DeviceConnection]:
        return [c for connections in list(self.connections.values()) for c in list(connections)]


def status_of(level: float) -> ChargingStatus:
    if level >= 100:
        return ChargingStatus.CHARGED
    return ChargingStatus.CHARGING80 if level >= 80 else ChargingStatus.CHARGING


def status_text(status: ChargingStatus) -> str:
    return f'{{"event":"chargingStatus","data":{{"status":"{status}"}}}}'


class FakeRegistry:
    """The registry's PUTs, saying yes to everything."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                registry.paths.append(self.path)
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                body = b'{"projected":true}'
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Heard(list[Any]):
    """Events in the order they came; a test waits for one instead of sleeping."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def __call__(self, event: Any) -> None:
        self.append(event)
        self._changed.set()

    async def until(self, fact: Callable[[Any], bool], times: int = 1) -> Any:
        """Return the event for which ``fact`` was true the nth time."""
        async with asyncio.timeout(30):
            while len(found := [event for event in self if fact(event)]) < times:
                self._changed.clear()
                await self._changed.wait()
        return found[times - 1]
