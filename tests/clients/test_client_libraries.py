"""Client libraries as they come from the registries, each in its default configuration.

All at once, on one hub: each one's charger and widget connect to a gateway with ``ws://``, and to
another one with ``wss://`` when the first is drained.
"""

import asyncio
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import pytest

from tests.clients.programs import Program, Run, programs, trusting
from tests.fixtures.certificates import Ca
from tests.fixtures.hub import HOST, Gateway, StartHub
from tests.fixtures.raw_frames import handshake
from tests.integration.hub.booth import CHARGED, CHARGING

OFTEN_PINGED = {
    "CHARGELIGHT_GATEWAY_PING_INTERVAL_SECONDS": "1",
    "CHARGELIGHT_GATEWAY_SILENCE_SECONDS": "6",
}
SOON_SECONDS = 60.0
"""A liveness bound: many programs start at once, and Java compiles its own first."""

WORDS = {
    f"message {CHARGING}": "red",
    f"message {CHARGED}": "green",
    "closed 1001 this gateway is stopping": "drained",
    # Where the machine is so busy that a gateway cannot tell what came first.
    "closed 1001 say your level again": "asked",
}
LIT = {"charger": "open( asked open)*", "widget": "open (red|red green|green)"}
# A charger may be back before its widget, and the other way round.
LIT_AGAIN = {
    "charger": "open( (drained|asked) open)+",
    "widget": "open (red|red green|green) drained open (red )?green",
}


async def test_each_library_as_it_comes_reports_is_lit_and_survives_a_drain(
    hub: StartHub, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    known = programs()
    running = await hub(gateways=0)
    ca = Ca(tmp_path / "ca")
    own = ca.server(HOST)
    second = running.start_gateway(
        {
            "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE": own.certificate,
            "CHARGELIGHT_GATEWAY_TLS_KEY": own.key,
        }
    )
    await second.process.ready()
    first = running.start_gateway(OFTEN_PINGED)
    await first.process.ready()
    pairs = [(each.charger, each.widget) for each in known]
    await running.register_many([("c-mute", "w-mute"), *pairs])
    present = [each for each in known if not each.missing]
    trust = trusting(ca.certificate, tmp_path)
    with started(present, [first, second, second, second], trust, tmp_path) as runs:
        await until_all(LIT, runs)
        # No other is: each library has answered the hub's pings.
        await cut_off_for_its_silence(first, "w-mute")
        await first.process.terminate()
        await until_all(LIT_AGAIN, runs)
        for program, run in zip(present, runs, strict=True):
            with subtests.test(program.name):
                for device, story in LIT_AGAIN.items():
                    assert re.fullmatch(story, told(run, device)), run.output()
    for program in known:
        if program.missing:
            with subtests.test(program.name):
                pytest.skip(program.missing)


def told(run: Run, device: str) -> str:
    """Return what one of a program's devices heard, in the words of this test."""
    story = " ".join(WORDS.get(line, line) for line in run.heard(device))
    # Some libraries hand over the first message before they tell that they are connected.
    return re.sub(r"((?:red |green )+)open", lambda found: f"open {found[1]}".rstrip(), story)


async def until_all(stories: Mapping[str, str], runs: Sequence[Run]) -> None:
    """Return once each program tells these stories, has ended, or has had time enough."""

    def waits(run: Run) -> bool:
        return run.process.poll() is None and not all(
            re.fullmatch(story, told(run, device)) for device, story in stories.items()
        )

    waiting = list(runs)
    with suppress(TimeoutError):
        async with asyncio.timeout(SOON_SECONDS):
            while waiting := [run for run in waiting if waits(run)]:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.02)


@contextmanager
def started(
    present: Sequence[Program],
    gateways: Sequence[Gateway],
    environment: Mapping[str, str],
    folder: Path,
) -> Iterator[list[Run]]:
    """Run the programs; they end with this block."""
    runs: list[Run] = []
    try:
        for program in present:
            addresses = [
                (each.charger_url(program.charger), each.widget_url(program.widget))
                for each in gateways
            ]
            log = folder / f"{program.name}.log"
            runs.append(Run(program, list(chain.from_iterable(addresses)), environment, log))
        yield runs
    finally:
        for run in runs:
            run.process.end(signal.SIGKILL)


async def cut_off_for_its_silence(gateway: Gateway, widget: str) -> None:
    """Connect a widget that answers no ping, and return when the hub ends its connection."""
    reader, writer = await asyncio.open_connection(HOST, gateway.widget_port)
    writer.write(handshake(f"/widgets/{widget}"))
    async with asyncio.timeout(SOON_SECONDS):
        assert (await reader.readline()).startswith(b"HTTP/1.1 101")
        await reader.read()
    writer.close()
