"""Files that change are taken for the connections that follow."""

import asyncio
from pathlib import Path

from shared.process.tls.server_tls import ServerFiles, ServerTls, TlsFile
from tests.fixtures.certificates import Ca


async def test_a_renewed_certificate_is_taken_while_the_files_are_watched(tmp_path: Path) -> None:
    ca = Ca(tmp_path / "ca")
    own = ca.server("localhost")
    files = ServerFiles(TlsFile("CERTIFICATE", own.certificate), TlsFile("KEY", own.key))
    tls = ServerTls(files, look_seconds=0.01)
    changed = asyncio.Event()
    tls.on_changed(changed.set)
    watching = asyncio.create_task(tls.watch())
    first = await _served(ca, tls)
    ca.server("localhost")
    async with asyncio.timeout(30):
        await changed.wait()
    assert await _served(ca, tls) != first
    watching.cancel()


async def _served(ca: Ca, tls: ServerTls) -> object:
    """Return the number of the certificate that a new connection gets."""
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=tls.context
    )
    reader, writer = await asyncio.open_connection(
        *server.sockets[0].getsockname(), ssl=ca.client(), server_hostname="localhost"
    )
    certificate = writer.get_extra_info("peercert")
    await reader.read()
    writer.close()
    server.close()
    return certificate["serialNumber"]
