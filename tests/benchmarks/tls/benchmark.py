"""One server at a time: handshakes, then idle connections, then readings."""

import ssl
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from shared.contract.devices import Kind
from tests.benchmarks.figures import Report
from tests.benchmarks.ingest.serving import HEALTH_PORT_VARIABLE, PORT_VARIABLE
from tests.benchmarks.memory import proportional_bytes
from tests.benchmarks.options import Options
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.tls import client
from tests.fixtures.certificates import Ca
from tests.fixtures.processes import ServiceProcess, health_url
from tools.servers.ports import free_port

_CONNECTIONS: Final = 1000
_FRAMES: Final = 20
"""Of each kind and charger, within the seconds below: 5,000 a second."""
_SECONDS: Final = 4.0
_FIRST: Final = 50
_MICRO: Final = 1e6


class _Port(NamedTuple):
    kind: str
    settings: Mapping[str, str]
    context: ssl.SSLContext | None
    """A device's; None: without TLS."""


async def measure(options: Options) -> Report:
    """Measure each kind of port, so many rounds."""
    report = Report()
    found = defaultdict[str, list[float]](list)
    with tempfile.TemporaryDirectory() as folder:
        ca = Ca(Path(folder) / "ca")
        ports = _ports(ca)
        for _ in range(1 if options.quick else options.rounds):
            for port in ports:
                await _measure(port, options, found)
    for name, samples in found.items():
        report.add(f"tls {name}", samples, "KiB" if "memory" in name else "us")
    return report


def _ports(ca: Ca) -> list[_Port]:
    own, device = ca.server("localhost"), ca.device(Kind.CHARGER, "c1")
    tls = {
        "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE": own.certificate,
        "CHARGELIGHT_GATEWAY_TLS_KEY": own.key,
    }
    certificates = {
        "CHARGELIGHT_GATEWAY_CHARGER_CA": ca.certificate,
        "CHARGELIGHT_GATEWAY_REVOKED": ca.revoked,
    }
    return [
        _Port("ws", {}, None),
        _Port("wss", tls, ca.client()),
        _Port("wss with certificates", tls | certificates, ca.client(device)),
    ]


async def _measure(port: _Port, options: Options, found: dict[str, list[float]]) -> None:
    kind, context = port.kind, port.context
    count = options.connections or (50 if options.quick else _CONNECTIONS)
    async with _server(port) as (pid, number):
        first = await client.connect(number, _FIRST, context)  # what is loaded once is loaded
        memory, before = proportional_bytes(pid), cpu_seconds(pid)
        chargers = await client.connect(number, count, context)
        took = cpu_seconds(pid) - before
        found[f"{kind}: CPU per handshake"].append(took / count * _MICRO)
        grown = proportional_bytes(pid) - memory
        found[f"{kind}: memory per idle connection"].append(grown / count / 1024)
        rounds = 2 if options.quick else _FRAMES
        for what, frame in ("reading", client.A_READING), ("ping and pong", client.A_PING):
            before = cpu_seconds(pid)
            await client.send(chargers, frame, rounds, 0.2 if options.quick else _SECONDS)
            took = cpu_seconds(pid) - before
            found[f"{kind}: CPU per {what}"].append(took / count / rounds * _MICRO)
        await client.close([*first, *chargers])


@asynccontextmanager
async def _server(port: _Port) -> AsyncIterator[tuple[int, int]]:
    number, health_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = ServiceProcess(
            port.kind,
            [sys.executable, "-m", "tests.benchmarks.tls.server"],
            settings={
                PORT_VARIABLE: str(number),
                HEALTH_PORT_VARIABLE: str(health_port),
                **port.settings,
            },
            ready_url=health_url(health_port),
            folder=Path(folder),
        )
        process.start()
        try:
            await process.ready()
            yield process.pid, number
        finally:
            process.kill()
