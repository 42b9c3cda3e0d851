"""The commands as processes: what they print, how they end, what they exit with."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from services.simulator.fleet.pairs import numbered_pairs
from shared.contract.device_protocol import ChargingStatus, CloseCode
from tests.unit.simulator.fake_hub import FakeHub, FakeRegistry

PAIRS = numbered_pairs("demo", 3)


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    pairs = {"c1": "w1"} | {pair.charger: pair.widget for pair in PAIRS}
    async with FakeHub(pairs) as found:
        yield found


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@asynccontextmanager
async def simulator(
    *arguments: str, hub: FakeHub, registry: FakeRegistry | None = None
) -> AsyncIterator[Process]:
    urls = {
        "CHARGELIGHT_SIMULATOR_CHARGERS_URL": hub.url,
        "CHARGELIGHT_SIMULATOR_WIDGETS_URL": hub.url,
        "CHARGELIGHT_SIMULATOR_REGISTRY_URL": registry.url if registry else "http://127.0.0.1:1",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.simulator", *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | urls | {"NO_COLOR": "1", "COLUMNS": "80"},
    )
    try:
        async with asyncio.timeout(30):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process: Process, words: str) -> str:
    """Read lines up to the one that has ``words`` in it."""
    assert process.stdout is not None
    while line := (await process.stdout.readline()).decode():
        if words in line:
            return line
    pytest.fail(f"ended without {words!r}: {(await process.communicate())[1].decode()}")


async def end(process: Process) -> tuple[int, str]:
    """Return the exit code and what is left of the output; there must be no traceback."""
    output, errors = await process.communicate()
    assert "Traceback" not in errors.decode()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_once_sends_the_level_and_ends_with_the_receipt(hub: FakeHub) -> None:
    async with simulator("charger", "c1", "70", "--once", hub=hub) as process:
        code, output = await end(process)
    assert code == 0
    assert "70 % acknowledged" in output
    assert hub.stored == {"c1": 70}


async def test_once_without_a_receipt_fails_and_says_so(hub: FakeHub) -> None:
    hub.holds_receipts = True
    async with simulator("charger", "c1", "70", "--once", "--timeout", "0.5", hub=hub) as process:
        code, output = await end(process)
    assert code == 1
    assert "not acknowledged within 0.5 s" in output


async def test_once_with_an_unknown_charger_fails_and_says_how_to_register_it(
    hub: FakeHub,
) -> None:
    async with simulator("charger", "c9", "70", "--once", "--timeout", "0.5", hub=hub) as process:
        code, output = await end(process)
    assert code == 1
    assert "register c9:WIDGET" in output


async def test_piped_levels_are_sent_and_wrong_ones_explained(hub: FakeHub) -> None:
    async with simulator("charger", "c1", hub=hub) as process:
        assert process.stdin is not None
        process.stdin.write(b"70\nfull\n101\n\n79.5 %")  # the last one without a newline
        process.stdin.close()
        code, output = await end(process)
    assert code == 0
    assert hub.stored == {"c1": 79.5}
    assert "'full' is not a state of charge" in output
    assert "101 is outside the range" in output
    assert "79.5 % acknowledged" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_charger_stays_connected_until_it_is_told_to_stop(
    hub: FakeHub, number: signal.Signals
) -> None:
    async with simulator("charger", "c1", "70", "--json", hub=hub) as process:
        line = json.loads(await line_with(process, '"acknowledged"'))
        assert (line["charger"], line["level"]) == ("c1", 70)
        process.send_signal(number)
        assert (await end(process))[0] == 0


async def test_a_waiting_prompt_ends_on_a_signal(hub: FakeHub) -> None:
    async with simulator("charger", "c1", hub=hub) as process:
        await line_with(process, "connected")
        process.send_signal(signal.SIGINT)
        assert (await end(process))[0] == 0


async def test_a_superseded_charger_says_so_and_ends(hub: FakeHub) -> None:
    async with simulator("charger", "c1", "70", hub=hub) as process:
        await line_with(process, "acknowledged")
        await hub.close_all(CloseCode.SUPERSEDED)
        code, output = await end(process)
    assert code == 1
    assert "another connection of this charger is newer" in output


async def test_a_ramp_charges_the_phone_and_starts_the_next(hub: FakeHub) -> None:
    async with simulator(
        *("charger", "c1", "97", "--ramp", "--seconds-per-percent", "0.01"), hub=hub
    ) as process:
        await line_with(process, "97 % sent")
        await line_with(process, "100 % sent")
        await line_with(process, "  0 % sent")
        process.send_signal(signal.SIGTERM)
        assert (await end(process))[0] == 0


async def test_a_widget_tells_its_colours_line_by_line(hub: FakeHub) -> None:
    hub.stored["c1"] = 85
    async with simulator("widget", "w1", hub=hub) as process:
        await line_with(process, "yellow: charging80")
        process.send_signal(signal.SIGTERM)
        assert (await end(process))[0] == 0


async def test_register_names_each_pair(hub: FakeHub, registry: FakeRegistry) -> None:
    async with simulator("register", "c1:w1", "c2:w2", hub=hub, registry=registry) as process:
        code, output = await end(process)
    assert code == 0
    assert "charger c2 is paired with widget w2" in output
    assert "/pairings/c1" in registry.paths


async def test_register_waits_for_the_registry_until_told_to_stop(hub: FakeHub) -> None:
    async with simulator("register", "c1:w1", hub=hub) as process:
        await line_with(process, "is not ready")
        process.send_signal(signal.SIGTERM)
        assert (await end(process))[0] == 0


async def test_a_fleet_with_a_good_hub_exits_0(hub: FakeHub, registry: FakeRegistry) -> None:
    async with simulator(
        *("fleet", "--pairs", "3", "--rate", "20", "--duration", "1", "--interval", "0.3"),
        *("--seed", "1", "--json"),
        hub=hub,
        registry=registry,
    ) as process:
        code, output = await end(process)
    lines = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert [line["what"] for line in lines[-2:]] == ["figures", "final"]
    assert (lines[-1]["lights_right"], lines[-1]["wrong_lights_total"]) == (3, 0)
    assert lines[-1]["chargers_connected"] == 3


async def test_a_fleet_with_a_bad_hub_exits_1_and_names_the_lights(
    hub: FakeHub, registry: FakeRegistry
) -> None:
    hub.shown = lambda _: ChargingStatus.CHARGED
    async with simulator(
        *("fleet", "--pairs", "3", "--rate", "20", "--duration", "0.5", "--settle", "0.2"),
        *("--thresholds", "charging=0"),  # by these, green is never right
        hub=hub,
        registry=registry,
    ) as process:
        code, output = await end(process)
    assert code == 1
    assert "demo-w0001: wrong: shows green" in output


async def test_a_fleet_without_a_hub_does_not_claim_that_its_lights_are_right(
    hub: FakeHub, registry: FakeRegistry
) -> None:
    hub.http_status = 503
    async with simulator(
        *("fleet", "--pairs", "1", "--duration", "0.3", "--settle", "0.1"),
        hub=hub,
        registry=registry,
    ) as process:
        code, output = await end(process)
    assert code == 1
    assert "demo-w0001: unknown" in output


async def test_a_stopped_fleet_gives_its_figures_and_no_verdict(
    hub: FakeHub, registry: FakeRegistry
) -> None:
    async with simulator(
        *("fleet", "--pairs", "3", "--interval", "0.2"), hub=hub, registry=registry
    ) as process:
        await line_with(process, "chargers 3/3")
        process.send_signal(signal.SIGTERM)
        code, output = await end(process)
    assert code == 0
    assert "whole run:" in output


async def test_the_demo_tells_colours_and_levels(hub: FakeHub, registry: FakeRegistry) -> None:
    names = [f"{pair.charger}:{pair.widget}" for pair in PAIRS]
    async with simulator(
        *("demo", *names, "--interval", "0.3", "--speed", "20"),
        hub=hub,
        registry=registry,
    ) as process:
        await line_with(process, "demo-w0001 yellow")
        await line_with(process, "demo-w0001 green 100 %")
        process.send_signal(signal.SIGTERM)
        assert (await end(process))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["charger", "c1", "101"], "0 to 100"),
        (["charger", "c/1", "50"], "no id"),
        (["charger", "c1", "--once"], "goes with a LEVEL"),
        (["charger", "c1", "50", "--url", "http://hub"], "WebSocket"),
        (["register", "c1"], "not a pair"),
        (["fleet", "--thresholds", "charging=5"], "start at 0"),
        (["fleet", "--registry", "hub:3300"], "HTTP URL"),
    ],
)
async def test_wrong_arguments_are_explained(hub: FakeHub, arguments: list[str], says: str) -> None:
    async with simulator(*arguments, hub=hub) as process:
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert says in " ".join(errors.decode().replace("│", " ").split())
