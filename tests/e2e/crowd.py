"""Crowds and floods against one gateway, and what devices that are connected already notice.

``python -m tests.e2e.crowd`` lets 8,000 devices reconnect at once, ``python -m tests.e2e.crowd
floods`` floods a gateway in several ways; both print figures. Crowd and flood are processes of
their own and nice ones: they stand for machines elsewhere, which take no CPU from the hub.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, cast

import uvloop

from tests.fixtures.hub import HOST, Gateway, Hub, Settings
from tests.fixtures.processes import ROOT
from tests.fixtures.raw_device import RawDevice
from tests.fixtures.raw_frames import FRAGMENTS, PING, handshake, masked, reading
from tools.servers.postgres.open import open_postgres
from tools.servers.redis.open import open_redis
from tools.servers.server_options import ServerOptions

PROCESSES = 2
"""A process may open 20,000 files; a crowd is spread over several all the same."""
PROBES = 50
"""Pairs whose latency is measured all the time."""
PROBE_SECONDS = 0.5
DEADLINE_SECONDS = 120.0
PING_FRAME = masked(PING)


class Device(RawDevice):
    """A device that counts what comes."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.retry_after = 0.0
        self.messages = asyncio.Event()

    def on_answer(self, status: int, head: bytes) -> None:
        self.retry_after = float(head.lower().partition(b"retry-after: ")[2][:2] or 0)
        if not self.answered.done():
            self.answered.set_result(status)

    def on_frame(self, payload: bytes) -> None:  # noqa: ARG002
        self.messages.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self.answered.done():
            self.answered.set_result(0)


async def connected(port: int, path: str, tls: ssl.SSLContext | None = None) -> Device:
    """Connect a device; `answered` says what became of it, 0 that it was cut off."""
    loop = asyncio.get_running_loop()
    try:
        _, device = await loop.create_connection(lambda: Device(path), HOST, port, ssl=tls)
    except OSError:
        device = Device(path)
        device.answered.set_result(0)
    await device.answered
    return device


# The crowd: a process that is told what to do.


class Crowd:
    """Devices of one process, half of them chargers."""

    def __init__(self, charger_port: int, widget_port: int, first: int, pairs: int) -> None:
        ids = range(first, first + pairs)
        self._paths = [(charger_port, f"/chargers/c{i:05}") for i in ids]
        self._paths += [(widget_port, f"/widgets/w{i:05}") for i in ids]
        self._devices: list[Device] = []
        self.took: list[float] = []
        self.until_in: list[float] = []
        self.refused = 0
        self.cut_off = 0

    async def connect(self, at_once: int) -> None:
        permits = asyncio.Semaphore(at_once)
        self.took, self.until_in, self.refused, self.cut_off = [], [], 0, 0

        async def one(port: int, path: str) -> Device:
            async with permits:
                return await self._until_in(port, path)

        self._devices = await asyncio.gather(*(one(port, path) for port, path in self._paths))

    async def _until_in(self, port: int, path: str) -> Device:
        began = time.perf_counter()
        failures = 0
        while True:
            started = time.perf_counter()
            device = await connected(port, path)
            self.took.append(time.perf_counter() - started)
            if device.answered.result() == 101:
                self.until_in.append(time.perf_counter() - began)
                if port == self._paths[0][0]:  # the firmware's rule: tell the level again
                    device.transport.write(reading(50))
                return device
            failures += 1
            self.refused += device.answered.result() == 503
            self.cut_off += device.answered.result() == 0
            # As the protocol asks devices to: Retry-After, or backing off with jitter.
            backoff = random.uniform(0, min(5.0, 0.2 * 2**failures))
            await asyncio.sleep(device.retry_after + backoff)

    def drop(self) -> None:
        for device in self._devices:
            device.transport.abort()


async def crowd(arguments: Sequence[str]) -> None:
    """Connect, then reconnect all at once whenever a line comes in; tell how it went."""
    mine = Crowd(*map(int, arguments))
    lines = await standard_input()
    await mine.connect(50)
    tell({})
    while await lines.readline():
        mine.drop()
        await mine.connect(1_000_000)
        tell(
            {
                "took": mine.took,
                "until_in": mine.until_in,
                "refused": mine.refused,
                "cut_off": mine.cut_off,
            }
        )


async def flood(arguments: Sequence[str]) -> None:
    """Flood a gateway until the input ends; tell when it begins, and what became of it."""
    kind, port, path = arguments[0], int(arguments[1]), arguments[2]
    lines = await standard_input()
    devices: list[Device] = []
    if kind == "half-handshakes":
        head = handshake(path)

        class Half(Device):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = cast("asyncio.Transport", transport)
                self.transport.write(head[:-10])

        loop = asyncio.get_running_loop()

        async def half() -> None:
            while True:
                _, device = await loop.create_connection(lambda: Half(path), HOST, port)
                await device.answered

        tasks = [asyncio.create_task(half()) for _ in range(1000)]
        tell({})
        await lines.readline()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return
    piece = {
        "pings": PING_FRAME * 10_000,
        "fragments": FRAGMENTS * 1000,
        "readings": reading(50) * 1000,
    }[kind]
    told = False
    sent = 0
    reading_on = asyncio.create_task(lines.readline())
    while not reading_on.done():
        device = await connected(port, path)
        devices.append(device)
        if not told:
            told = True
            tell({})
        while not device.transport.is_closing() and not reading_on.done():
            if device.transport.get_write_buffer_size() < len(piece):
                device.transport.write(piece)
                sent += len(piece)
            await asyncio.sleep(0.001)
    tell({"connections": len(devices), "bytes": sent})


def tell(what: dict[Any, Any]) -> None:
    """Tell the process that started this one."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


# Whoever measures: starts the hub, the crowd and the flood, and looks on.


class Helper:
    """A process of this file: it tells one line of JSON when it is ready or done."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            line = await self._process.stdout.readline()
        assert line, "a helper ended by itself"
        found: dict[str, Any] = json.loads(line)
        return found

    def go(self, order: str = "go") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())


@contextlib.asynccontextmanager
async def helper(
    *arguments: object, module: str = "tests.e2e.crowd", nice: int = 19
) -> AsyncIterator[Helper]:
    """Run a part of a module in a process of its own; by default a nice one."""
    process = await asyncio.create_subprocess_exec(
        *("nice", "-n", str(nice), sys.executable, "-m", module, *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        yield Helper(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Probes:
    """Pairs that are connected all the time, and how long their readings take to the widget."""

    def __init__(self, gateway: Gateway, tls: ssl.SSLContext | None = None) -> None:
        self._gateway = gateway
        self._tls = tls
        self._took: list[float] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, first: int, count: int = PROBES) -> None:
        for i in range(first, first + count):
            charger = await connected(self._gateway.charger_port, f"/chargers/c{i:05}", self._tls)
            widget = await connected(self._gateway.widget_port, f"/widgets/w{i:05}", self._tls)
            assert charger.answered.result() == widget.answered.result() == 101
            self._tasks.append(asyncio.create_task(self._measure(charger, widget)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def take(self) -> list[float]:
        """Return the latencies since the last call, in seconds."""
        for task in self._tasks:
            if task.done():
                task.result()
        took, self._took = self._took, []
        return took

    async def over(self, seconds: float) -> list[float]:
        self.take()
        await asyncio.sleep(seconds)
        return self.take()

    async def _measure(self, charger: Device, widget: Device) -> None:
        await asyncio.sleep(random.uniform(0, PROBE_SECONDS))
        while True:
            widget.messages.clear()
            started = time.perf_counter()
            charger.transport.write(reading(random.randrange(101)))
            async with asyncio.timeout(DEADLINE_SECONDS):
                await widget.messages.wait()
            self._took.append(time.perf_counter() - started)
            await asyncio.sleep(PROBE_SECONDS)


class Herd(NamedTuple):
    """How it went when a crowd reconnected at once."""

    devices: int
    took: list[float]
    """Seconds of each handshake, refused ones too."""
    until_in: list[float]
    """Seconds until each device was in, with all its attempts."""
    refused: int
    cut_off: int
    before: list[float]
    during: list[float]


async def reconnect_at_once(gateway: Gateway, devices: int, probes: Probes) -> Herd:
    """Connect so many registered devices, then let all of them reconnect at one moment."""
    pairs = devices // 2 // PROCESSES
    ports = (gateway.charger_port, gateway.widget_port)
    async with contextlib.AsyncExitStack() as stack:
        helpers = [
            await stack.enter_async_context(helper("_crowd", *ports, number * pairs, pairs))
            for number in range(PROCESSES)
        ]
        for one in helpers:
            await one.told()
        await asyncio.sleep(2)
        before = await probes.over(8)
        for one in helpers:
            one.go()
        told = [await one.told() for one in helpers]
        during = probes.take()
    return Herd(
        2 * pairs * PROCESSES,
        sorted(second for one in told for second in one["took"]),
        sorted(second for one in told for second in one["until_in"]),
        sum(one["refused"] for one in told),
        sum(one["cut_off"] for one in told),
        before,
        during,
    )


async def flooded(
    gateway: Gateway, kind: str, device: str, probes: Probes, seconds: float = 8.0
) -> tuple[list[float], list[float], dict[str, Any]]:
    """Measure before and during a flood from one device."""
    before = await probes.over(seconds)
    async with helper("_flood", kind, gateway.charger_port, f"/chargers/{device}") as one:
        await one.told()
        during = await probes.over(seconds)
        one.go()
        told = {} if kind == "half-handshakes" else await one.told()
    return before, during, told


def quantile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[round(share * (len(seconds) - 1))]


async def register(hub: Hub, pairs: int) -> None:
    """Register so many pairs: c00000 with w00000, and so on."""
    await hub.register_many((f"c{i:05}", f"w{i:05}") for i in range(pairs))


# For people: figures.


@contextlib.asynccontextmanager
async def whole_hub(
    pairs: int, settings: Settings | None = None, code: Path = ROOT
) -> AsyncIterator[Hub]:
    """Run a hub with so many pairs; ``code`` is the folder with the services' code."""
    server_options = ServerOptions.of_tests()
    with (
        closing(open_redis(server_options)) as redis,
        closing(open_postgres(server_options)) as postgres,
        tempfile.TemporaryDirectory() as folder,
    ):
        settings = {
            **(settings or {}),
            "CHARGELIGHT_REDIS_URL": redis.url,
            "CHARGELIGHT_POSTGRES_DSN": postgres.dsn,
            "CHARGELIGHT_LOG_LEVEL": "warning",
        }
        hub = Hub(settings, Path(folder), lambda _process: None, code)
        hub.start_registry()
        hub.start_router()
        hub.start_gateway()
        try:
            await hub.ready()
            await register(hub, pairs)
            yield hub
        finally:
            await hub.close()


def _print(name: str, seconds: Sequence[float]) -> None:
    figures = ", ".join(
        f"{label} {quantile(seconds, share) * 1000:.1f}"
        for label, share in (("p50", 0.5), ("p99", 0.99), ("most", 1.0))
    )
    sys.stdout.write(f"{name:<40} {figures} ms  ({len(seconds)})\n")


async def _herd(devices: int) -> None:
    async with whole_hub(devices // 2 + PROBES) as hub:
        gateway = hub.gateways[0]
        probes = Probes(gateway)
        await probes.start(devices // 2)
        cpu = _cpu_seconds(gateway)
        herd = await reconnect_at_once(gateway, devices, probes)
        cpu = _cpu_seconds(gateway) - cpu
        await probes.stop()
    _print("handshake", herd.took)
    _print("until in, with retries", herd.until_in)
    sys.stdout.write(
        f"{herd.devices} devices in, {herd.refused} refused with 503, {herd.cut_off} cut off, "
        f"{len(herd.took) - herd.devices} retries; gateway used {cpu:.1f} s of CPU\n"
    )
    _print("latency of connected pairs before", herd.before)
    _print("latency of connected pairs during", herd.during)


async def _floods() -> None:
    async with whole_hub(PROBES + 1) as hub:
        gateway = hub.gateways[0]
        probes = Probes(gateway)
        await probes.start(1)
        for kind in ("pings", "fragments", "readings", "half-handshakes"):
            cpu = _cpu_seconds(gateway)
            before, during, told = await flooded(gateway, kind, "c00000", probes)
            cpu = _cpu_seconds(gateway) - cpu
            sys.stdout.write(f"{kind}: {told}; gateway used {cpu:.2f} s of CPU in 16 s\n")
            _print("  latency of others before", before)
            _print("  latency of others during", during)
            ratio = quantile(during, 0.99) / quantile(before, 0.99)
            sys.stdout.write(f"  p99 during / before: {ratio:.2f}\n")
            await asyncio.sleep(3)
        await probes.stop()


def _cpu_seconds(gateway: Gateway) -> float:
    fields = Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    if sys.argv[1:2] == ["_crowd"]:
        uvloop.run(crowd(sys.argv[2:]))
        return
    if sys.argv[1:2] == ["_flood"]:
        uvloop.run(flood(sys.argv[2:]))
        return
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.crowd", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["herd", "floods"], default="herd")
    parser.add_argument("--devices", type=int, default=8000)
    arguments = parser.parse_args()
    uvloop.run(_herd(arguments.devices) if arguments.what == "herd" else _floods())


if __name__ == "__main__":
    main()
