"""A page in a browser that is a widget: with ``wss://``, if the browser trusts the hub."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import platform
import shutil
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import connect

from tests.clients.environments import node_packages
from tests.fixtures.certificates import Ca
from tests.fixtures.hub import HOST, StartHub
from tests.integration.hub.booth import CHARGED, reading, receipt

HERE: Final = Path(__file__).parent
SECONDS: Final = 120.0
IS_HERE: Final = (sys.platform, platform.machine()) == ("linux", "x86_64") and shutil.which("npm")

PAGE: Final = """<body><script>
const widget = new WebSocket(location.search.slice(1));
widget.onmessage = (message) => { document.title = message.data; };
widget.onclose = (closed) => { document.title ||= `closed ${closed.code}`; };
</script></body>"""


@pytest.mark.skipif(not IS_HERE, reason="needs npm (of Node.js), and Linux on x86_64")
async def test_it_is_lit_over_tls_and_connects_to_no_hub_that_it_does_not_trust(
    hub: StartHub, tmp_path: Path
) -> None:
    ca = Ca(tmp_path / "ca")
    own = ca.server(HOST)
    trusting = f"--ignore-certificate-errors-spki-list={key_of(own.certificate)}"
    with origin_of(tmp_path) as ours, origin_of(tmp_path) as other:
        settings = {
            "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE": own.certificate,
            "CHARGELIGHT_GATEWAY_TLS_KEY": own.key,
            "CHARGELIGHT_GATEWAY_ORIGINS": json.dumps([ours]),
        }
        running = await hub(settings=settings)
        (gateway,) = running.gateways
        await running.register(("c1234", "wABCD"))
        async with connect(gateway.charger_url("c1234"), ssl=ca.client()) as charger:
            await charger.send(reading(100))
            await receipt(charger)
        page = f"widget.html?{gateway.widget_url('wABCD')}"
        assert (await shown(tmp_path, f"{ours}/{page}", trusting)).endswith(f"{CHARGED}\n")
        assert "response code: 403" in await shown(tmp_path, f"{other}/{page}", trusting)
        refused = await shown(tmp_path, f"{ours}/{page}")
    assert "net::ERR_CERT_AUTHORITY_INVALID" in refused
    assert refused.endswith("closed 1006\n")


@contextlib.contextmanager
def origin_of(folder: Path) -> Iterator[str]:
    """Serve the page, and yield its origin."""
    (folder / "widget.html").write_text(PAGE)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, name="page").start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()


async def shown(folder: Path, *words: str) -> str:
    """Open a page in the browser, and return what it says."""
    packages = node_packages("browser")
    shutil.copy(HERE / "look.mjs", folder)
    with contextlib.suppress(FileExistsError):
        (folder / "node_modules").symlink_to(packages)
    process = await asyncio.create_subprocess_exec(
        *("node", "look.mjs", *words),
        cwd=folder,
        env={**os.environ, "TMPDIR": str(packages.parent)},  # it is unpacked once
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return printed.decode()


def key_of(certificate: str) -> str:
    """Return the fingerprint of a certificate's public key, as Chromium's option has it."""
    key = x509.load_pem_x509_certificate(Path(certificate).read_bytes()).public_key()
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()
