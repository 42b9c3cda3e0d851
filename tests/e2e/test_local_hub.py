"""`make up WITH=embedded`: what it prints works, for its owner and for nobody else."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.console.chromium import chromium, visit
from tests.e2e.places import Places
from tests.fixtures.processes import ROOT
from tests.unit.tools.facts import wait_until
from tools.servers.ports import free_port
from tools.servers.wheels import CACHE

PORTS = ("GATEWAY_CHARGER", "GATEWAY_WIDGET", "REGISTRY", "CANARY_HEALTH")


class LocalHub(NamedTuple):
    folder: Path
    output: Path
    process: subprocess.Popen[bytes]
    canary_port: int

    def commands(self, pattern: str) -> list[str]:
        """The commands that it printed, those with this pattern in them."""
        lines = [line.strip() for line in self.output.read_text().splitlines()]
        return [line for line in lines if re.search(pattern, line)]

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return bool(self.commands("^Ctrl-C here ends everything"))

    def run(self, command: str, setup: str = "") -> str:
        """Run a command in another terminal; returns all that it printed."""
        ran = subprocess.run(
            ["sh", "-c", f"{setup}\n{command}"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        return ran.stdout


@pytest.fixture(scope="module")
def local_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """A hub of a copy of our code: in our own folder a person may have one."""
    folder = tmp_path_factory.mktemp("up") / "chargelight"
    for package in ("services", "shared", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    CACHE.mkdir(parents=True, exist_ok=True)
    (folder / ".cache").mkdir()
    (folder / ".cache" / CACHE.name).symlink_to(CACHE)
    ours = {k: v for k, v in os.environ.items() if not k.startswith("CHARGELIGHT_")}
    ports = {f"CHARGELIGHT_{name}_PORT": str(free_port()) for name in PORTS}
    output = folder / "output"
    with (
        output.open("wb") as file,
        subprocess.Popen(
            [sys.executable, "-m", "tools.local", "--with", "embedded"],
            cwd=folder,
            env={**ours, **ports},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        hub = LocalHub(folder, output, process, int(ports["CHARGELIGHT_CANARY_HEALTH_PORT"]))
        try:
            wait_until(hub.is_up, "it is up", seconds=90)
            yield hub
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def test_its_owner_looks_into_redis_and_postgres_and_nobody_else(local_hub: LocalHub) -> None:
    (setup,) = local_hub.commands(r"^\. ")
    look = local_hub.commands(r"redis-cli.* HGETALL .*directory")[0]
    query = f"{local_hub.commands('^psql|/psql')[0].partition('#')[0]} -Atwc 'TABLE pairings'"
    assert "wABCD" in local_hub.run(look, setup)
    assert "NOAUTH" in local_hub.run(look)
    assert "wABCD" in local_hub.run(query, setup)
    assert "no password" in local_hub.run(query)
    settings = local_hub.folder / ".cache" / "hub.env"
    assert settings.stat().st_mode & 0o077 == 0


def test_no_password_is_in_a_command_line_or_a_log(local_hub: LocalHub) -> None:
    settings = (local_hub.folder / ".cache" / "hub.env").read_text()
    words = [shlex.split(line)[1].partition("=") for line in settings.splitlines()]
    passwords = {name: text for name, _, text in words if name in ("PGPASSWORD", "REDISCLI_AUTH")}
    assert len(passwords) == 2
    places = Places()
    places.add_command_lines()
    places.add("terminal", local_hub.output.read_bytes())
    for log in (local_hub.folder / ".cache" / "logs").iterdir():
        places.add(log.name, log.read_bytes())
    assert places.traces(passwords) == []


def test_its_canary_sees_lights_and_it_shows_what_runs(local_hub: LocalHub) -> None:
    def has_seen_a_light() -> bool:
        url = f"http://127.0.0.1:{local_hub.canary_port}/metrics"
        lights = r'chargelight_canary_lights_total\{outcome="right"\} [1-9]'
        return bool(re.search(lights, httpx.get(url, trust_env=False).text))

    wait_until(has_seen_a_light, "the canary has seen a light", seconds=30)
    (setup,) = local_hub.commands(r"^\. ")
    (look,) = local_hub.commands("hub --watch")
    shown = local_hub.run(look.replace("--watch", ""), setup)
    assert "64 of 64 have a router" in shown


async def test_its_console_shows_its_lights_and_asks_nobody_else(local_hub: LocalHub) -> None:
    (said,) = local_hub.commands("operator's console")
    async with chromium() as browser, visit(browser, said.split()[-1]) as visited:
        await visited.said("live")
        await visited.page.locator('.tile[data-charger="c1234"]').wait_for()
