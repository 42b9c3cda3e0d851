"""Postgres' volume is deleted under a running hub, and a backup is restored into an empty server.

400 devices by default; ``make restore-proof`` has 50,000, and prints how long it takes and what is
lost. A part of the devices is connected all the time, and every light of theirs is judged.
"""

import asyncio
import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from psycopg import AsyncConnection

from services.registry.explain.light_findings import Judgement
from shared.contract.device_protocol import CloseCode
from tests.e2e.restore.crowd import LOW, Crowd, Seen
from tests.faults.booth import Booth, Size, open_booth, open_in
from tests.faults.rows import handovers, repairing
from tests.faults.rows.restores import NOTICED_SECONDS, returns, stranger
from tests.fixtures.processes import ROOT, service_command
from tests.fixtures.redis_at import url_of
from tools.servers.postgres.open import open_postgres_server
from tools.servers.server_options import ServerOptions

DEVICES: Final = int(os.environ.get("CHARGELIGHT_TEST_RESTORE", "400"))
COMMAND_SECONDS: Final = 600.0
WELL_SECONDS: Final = 60.0
_CONNECTED: Final = Size(pairs=8, gateways=2, routers=2)

_RENTALS: Final = """
    SELECT count(*) FILTER (WHERE ticket = 'before' AND collected_at IS NULL),
           count(*) FILTER (WHERE ticket = 'after')
    FROM rentals
"""


class Registry:
    """The command `chargelight-registry` of a booth, for one Postgres."""

    def __init__(self, booth: Booth, postgres_dsn: str) -> None:
        self._settings = {
            "CHARGELIGHT_REDIS_URL": url_of("registry", booth.redis.url),
            "CHARGELIGHT_POSTGRES_DSN": postgres_dsn,
        }

    async def run(self, *arguments: str) -> tuple[str, float]:
        """Run a command to its end; return what it printed, and how long it took."""
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *service_command("registry"),
            *arguments,
            cwd=ROOT,
            env={"PATH": os.defpath, **self._settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(COMMAND_SECONDS):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return output.decode(), time.monotonic() - began


@contextlib.asynccontextmanager
async def volume_lost(booth: Booth) -> AsyncIterator[str]:
    """Delete Postgres with its data, and have the block restore; give an empty one's address.

    The registry is stopped until then: one that runs would take the empty database for the truth.
    """
    hub = booth.hub
    (former,) = hub.registries
    former.process.kill()
    await asyncio.to_thread(booth.postgres.close)
    with contextlib.ExitStack() as servers:
        empty = await open_in(servers, open_postgres_server, ServerOptions.of_tests())
        booth.closing.callback(servers.pop_all().close)
    yield empty.dsn
    registry = hub.start_registry(
        {
            "CHARGELIGHT_POSTGRES_DSN": empty.dsn,
            "CHARGELIGHT_REDIS_URL": await booth.cable("registry-2"),
        }
    )
    hub.registries.remove(former)
    await registry.process.ready(timeout_seconds=COMMAND_SECONDS)


class Restored(NamedTuple):
    """What came of it: the address of the database, what was printed, and seconds."""

    dsn: str
    report: str
    restore: float
    back: float
    """From the loss until all that was restored was in effect."""


async def lose_and_restore(booth: Booth, file: Path, pairs: Mapping[str, str]) -> Restored:
    """Lose Postgres' disk, and restore a backup, by which these pairs are paired again."""
    devices = booth.devices
    lost_at = time.monotonic()
    async with booth.fault("Postgres lost its disk"), asyncio.TaskGroup() as returning:
        for charger, widget in pairs.items():
            wait = partial(returns, booth, charger, widget, COMMAND_SECONDS)
            returning.create_task(devices.pair(charger, widget, wait), name=f"{charger} returns")
        await asyncio.sleep(0)
        async with volume_lost(booth) as dsn:
            report, seconds = await Registry(booth, dsn).run("restore", str(file))
    return Restored(dsn, report, seconds, time.monotonic() - lost_at)


@pytest.mark.timeout(3600)
async def test_lights_are_right_or_dark_and_no_former_visitors_after_a_restore(
    tmp_path: Path,
) -> None:
    file = tmp_path / "hub.backup"
    async with open_booth(1, size=_CONNECTED, logs=tmp_path) as booth:
        crowd, devices = Crowd(booth, DEVICES // 2), booth.devices
        await handovers.arrive(booth)
        await repairing.begin(booth)
        await crowd.arrive()
        pairs = {charger: devices.widget_of(charger) for charger in repairing.CHARGERS}
        _, seconds = await Registry(booth, booth.postgres.dsn).run("backup", str(file))
        await crowd.change()
        await repairing.swap(booth)
        async with stranger(booth) as connections:
            restored = await lose_and_restore(booth, file, pairs)
            async with asyncio.timeout(NOTICED_SECONDS):
                for connection in connections:
                    await connection.wait_closed()
                    assert connection.close_code == CloseCode.NOT_REGISTERED
        wanted = crowd.after_restore()
        found = await crowd.look(list(wanted))
        assert {each: found[each] for each in found if found[each] != wanted[each]} == {}

        await crowd.say({pair.charger: LOW for pair in crowd.changed})
        await handovers.hand_over(booth)
        await devices.say(handovers.CHARGER, handovers.CHARGED)
        await devices.wait_until_well(time.monotonic(), 0.0, WELL_SECONDS)
        await devices.judge_quiet()
        assert booth.checker.violations == []
        assert booth.audited.violations == []
        assert devices.turned_away == []
        open_before, after = await rentals_in(restored.dsn)
        assert (open_before, after) == (len(crowd.pairs), 0), "as at the backup"
    print("\n".join(summary(crowd, file, seconds, found, restored)))  # noqa: T201 - for `-s`


def summary(
    crowd: Crowd, file: Path, seconds: float, found: Mapping[str, Seen], restored: Restored
) -> list[str]:
    """Return what the long form is for."""
    judged = Counter(seen.judgement for seen in found.values())
    right_ones, dark = judged[Judgement.RIGHT], judged[Judgement.NOTHING_TO_LIGHT]
    opened = len(crowd.handed) + len(crowd.swapped) + len(crowd.new)
    return [
        f"{DEVICES} devices, {len(crowd.pairs)} open rentals",
        f"backup: {seconds:.1f} s, {file.stat().st_size / 1e6:.1f} MB",
        f"restore: {restored.restore:.1f} s; from the loss to all in effect {restored.back:.1f} s",
        f"lights then: {right_ones} right, {dark} dark, {judged[None]} of devices that are gone",
        f"lost: {opened} rentals that were opened since, {len(crowd.changed)} collections",
        f"lost: {len(crowd.gone)} unregistered chargers, {len(crowd.new)} new pairs",
        *(f"told of {count}: {why}" for why, count in told_of(restored.report).most_common()),
    ]


async def rentals_in(dsn: str) -> tuple[int, int]:
    """Return how many rentals of before the backup are open, and how many there are of after it."""
    async with await AsyncConnection.connect(dsn) as connection:
        row = await (await connection.execute(_RENTALS)).fetchone()
    assert row is not None
    return row[0], row[1]


def told_of(report: str) -> Counter[str]:
    """Return how many devices a restore names, and why."""
    lines = re.findall(r"^  (charger|widget) \S+: (.*)$", report, re.MULTILINE)
    return Counter(re.sub(r"(paired with) \S+", r"\1 …", f"{kind}: {why}") for kind, why in lines)
