"""A port with an `Entrance`, on a real socket, and devices that connect to it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from services.gateway.auth.credentials import Presented
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.dialect import Dialect, json_error_event
from services.gateway.connection.endpoint import DeviceHandler, Endpoint
from services.gateway.entrance.entrance import Entrance
from services.gateway.entrance.revocation import Revocation
from services.gateway.settings import GatewaySettings
from shared.process.tls.server_tls import ServerFiles, ServerTls, TlsFile
from tests.fixtures.certificates import Ca, Pair
from tests.unit.gateway.fake_device import head_of

NAME = "localhost"


def files_of(
    own: Pair, client_ca: str = "", revoked: str = "", *, must: bool = False
) -> ServerFiles:
    """Return the files of a port, with the names of made-up settings."""
    return ServerFiles(
        certificate=TlsFile("CERTIFICATE", own.certificate),
        key=TlsFile("KEY", own.key),
        client_ca=TlsFile("CA", client_ca) if client_ca else None,
        revoked=TlsFile("REVOKED", revoked) if revoked else None,
        must_present=must,
    )


class Echoing(DeviceHandler):
    """Sends each message back, as the library frames it."""

    def on_message(self, message: bytes) -> None:
        self.connection.websocket.send_text(message)
        self.connection._write_pending()


class Port:
    """What serves it, and what was noted of those who could not connect."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.ca = Ca(folder)
        self.own = self.ca.server(NAME, "127.0.0.1")
        self.files = files_of(self.own)
        self.is_plain = False
        self.context = ConnectionContext(GatewaySettings.model_validate(settings))
        self.handlers: list[DeviceHandler] = []
        self.refused: list[tuple[str, str]] = []
        self.presented: list[Presented] = []
        self.unread_before_answer: list[bool] = []

    async def __aenter__(self) -> Self:
        def handler(connection: DeviceConnection, device_id: str) -> DeviceHandler:
            self.handlers.append(Echoing(connection, device_id))
            return self.handlers[-1]

        def authenticate(handshake: Any, _: str, presented: Presented) -> None:
            self.presented.append(presented)
            self.unread_before_answer.append(
                handshake._reader.has_unread or handshake._early != b""
            )
            admitted = not presented.secret.get_secret_value()
            asyncio.get_running_loop().call_soon(
                lambda: handshake.on_auth_result(admitted=admitted)
            )

        endpoint = Endpoint(
            Dialect(("/things/",), lambda _: 0.0, json_error_event),
            handler,
            lambda *_: None,
            authenticate,
            lambda reason, address, _: self.refused.append((str(reason), address)),
        )
        self.tls = ServerTls(self.files)
        if self.files.revoked is not None:
            self.revocation = Revocation(self.context, self.files.revoked.path)
            self.tls.on_changed(self.revocation.on_changed)
        listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = listener.getsockname()[1]
        tls = None if self.is_plain else self.tls
        self.entrance = Entrance(
            self.context, endpoint, listener, tls, self.context.settings.proxies
        )
        self.entrance.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.entrance.close()
        for connection in list(self.context.connections):
            connection.abort()
        await self.until(lambda: not self.context.connections)

    async def connect(
        self, presented: Pair | None = None, context: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect with TLS, checking the port's certificate."""
        return await asyncio.open_connection(
            "127.0.0.1",
            self.number,
            ssl=context or self.ca.client(presented),
            server_hostname=NAME,
            ssl_handshake_timeout=10,
        )

    async def handshake(
        self, presented: Pair | None = None, *headers: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """Connect, and shake hands; return the status line too."""
        reader, writer = await self.connect(presented)
        try:
            writer.write(head_of("/things/t1", *headers))
            head = await reader.readuntil(b"\r\n\r\n")
        except BaseException:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            raise
        return reader, writer, head.partition(b"\r\n")[0]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.001)
