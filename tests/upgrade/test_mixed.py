"""An upgrade from the last release under load, and back again: no light is ever wrong.

Each instance is replaced while others of its service run, so both versions work in each place.
They do so for 20 s by default; `make mixed-versions` takes ten minutes.
"""

import asyncio
import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from services.registry.postgres.migrate import MIGRATIONS, load
from shared.version import VERSION
from tests.e2e.fleet import GatewayGroup, fleet, judge_lights
from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.fixtures.processes import ROOT
from tests.integration.hub.booth import CHARGED, reading, received
from tests.upgrade.released import NotHereError, Release, last_release, skip_without, unpack

SECONDS: Final = float(os.environ.get("CHARGELIGHT_TEST_MIXED", "20"))
PAIRS: Final = 24
UP: Final = ("registry", "router", "router", "gateway", "gateway")
"""One instance after the other, as docs/upgrade.md says; back in the other direction."""


@pytest.fixture
def release() -> Release:
    return last_release()


@pytest.fixture
def released(release: Release, tmp_path: Path) -> Path:
    """The folder with its code."""
    folder = tmp_path / "released"
    folder.mkdir()
    try:
        unpack(release, folder)
    except NotHereError as error:
        skip_without(error)
    return folder


class Upgrade:
    """A hub under load whose instances are replaced."""

    def __init__(self, running: Hub) -> None:
        self._running = running
        self._numbers = itertools.count(1)
        self.group = GatewayGroup(running)
        self.versions: set[str] = set()
        """Those that worked side by side."""

    async def start(self, code: Path) -> None:
        """Start all of it with the same code."""
        self._running.code = code
        for service in UP:
            self._of(service)[0]()
        await self._running.ready()

    async def replace(self, service: str, code: Path) -> None:
        """Start one more instance, let both versions work, and end the oldest one."""
        self._running.code = code
        start, instances = self._of(service)
        await start().process.ready()
        await self._change()
        await asyncio.sleep(SECONDS / (2 * len(UP)))
        await self._look()
        assert await instances.pop(0).process.terminate() == 0
        await self._change()

    def _of(self, service: str) -> tuple[Callable[[], Any], list[Any]]:
        running = self._running
        kinds: dict[str, tuple[Callable[[], Any], list[Any]]] = {
            "registry": (running.start_registry, running.registries),
            "router": (running.start_router, running.routers),
            "gateway": (self.group.start, running.gateways),
        }
        return kinds[service]

    async def _change(self) -> None:
        """Register a pair at the oldest registry, light it, and unregister it."""
        number = next(self._numbers)
        charger, widget = f"c-new-{number}", f"w-new-{number}"
        await self._running.register((charger, widget))
        async with (
            connect_device(f"{self.group.widgets_url}/widgets/{widget}") as light,
            connect_device(f"{self.group.chargers_url}/chargers/{charger}") as phone,
        ):
            await phone.send(reading(100))
            assert await received(light) == CHARGED
        await self._running.unregister_charger(charger)
        await self._running.unregister_widget(widget)

    async def _look(self) -> None:
        seen = await self._running.client.get(f"{self._running.registry_url}/hub")
        found = {each["version"] for each in seen.raise_for_status().json()["instances"]}
        self.versions |= found - {None}


def test_the_release_is_the_version_that_it_says(release: Release, released: Path) -> None:
    assert f'"{release.version}"' in (released / "shared" / "version.py").read_text("utf-8")


def test_no_migration_of_the_release_has_changed(released: Path) -> None:
    theirs = load(released / MIGRATIONS.relative_to(ROOT))
    assert theirs
    assert load()[: len(theirs)] == theirs


def test_the_changelog_of_the_release_stays(release: Release, released: Path) -> None:
    """What is new belongs to the next version."""
    now, then = (
        (folder / "CHANGELOG.md").read_text("utf-8").partition(f"## [{release.version}]")[2]
        for folder in (ROOT, released)
    )
    # Documents may move.
    assert re.sub(r"\]\(.*?\)", "]", now) == re.sub(r"\]\(.*?\)", "]", then) != ""


async def test_versions_side_by_side_show_no_wrong_light(
    release: Release, released: Path, hub: StartHub
) -> None:
    running = await hub(gateways=0, routers=0, registries=0)
    upgrade = Upgrade(running)
    await upgrade.start(released)
    async with fleet(running, upgrade.group, PAIRS) as made:
        for service in UP:
            await upgrade.replace(service, ROOT)
        for service in reversed(UP):
            await upgrade.replace(service, released)
        await judge_lights(made)
    assert made.total_figures().counts.reconnects > 0
    assert upgrade.versions == {release.version, VERSION}
