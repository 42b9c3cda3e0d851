"""A Prometheus and an Alertmanager that watch a booth, and what they say."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.alerts.rules import ALERTMANAGER, RULES, shortened
from tests.faults.booth import Booth
from tests.fixtures.alertmanager import find_alertmanager
from tests.fixtures.debian import find_program
from tests.fixtures.processes import WITHOUT_TLS, ServiceProcess
from tests.fixtures.redis_at import address_of
from tools.servers.credentials import ADMIN
from tools.servers.ports import LOOPBACK, free_port

PROGRAMS: Final = {
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-redis-exporter": "prometheus-redis-exporter",
}
"""What is needed, and the Debian package of each."""

_SCRAPE_MILLISECONDS: Final = 5000
_SHORTEST_MILLISECONDS: Final = 500
_RESEND_SECONDS: Final = 1
_LOOK_SECONDS: Final = 0.25


def missing_program() -> str | None:
    """Return why there are no alerts on this machine, or None."""
    found = (find_program(name, package) for name, package in PROGRAMS.items())
    return next((one for one in found if isinstance(one, str)), None)


@dataclass(frozen=True, slots=True)
class Fired:
    """What Prometheus says that fires: alerts by name, and the jobs of each."""

    jobs: dict[str, set[str]]

    def __contains__(self, name: str) -> bool:
        return name in self.jobs


class Watch:
    """Both programs, for one booth. Made by `watching`."""

    def __init__(self, booth: Booth, folder: Path, divisor: int) -> None:
        self._booth = booth
        self._folder = folder
        self._divisor = divisor
        self._ports = {name: free_port() for name in PROGRAMS}
        self._processes: list[ServiceProcess] = []
        # trust_env: a proxy that this machine may use does not lead to itself.
        self._client = httpx.AsyncClient(verify=WITHOUT_TLS, trust_env=False, timeout=10.0)

    async def start(self) -> None:
        await asyncio.to_thread(self._write_files)
        host, port = address_of(self._booth.redis.url)
        self._run(
            "prometheus-redis-exporter",
            "/health",
            f"--redis.addr=redis://{host}:{port}",
            f"--redis.user={ADMIN.name}",
            f"--redis.password={ADMIN.password}",
            "--config-command=-",  # as with Compose: what the rules need is in INFO
            f"--web.listen-address={self._at('prometheus-redis-exporter')}",
        )
        self._run(
            "prometheus-alertmanager",
            "/-/ready",
            f"--config.file={ALERTMANAGER}",
            f"--storage.path={self._folder / 'alertmanager'}",
            f"--web.listen-address={self._at('prometheus-alertmanager')}",
            "--cluster.listen-address=",
        )
        self._run(
            "prometheus",
            "/-/ready",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'prometheus'}",
            f"--web.listen-address={self._at('prometheus')}",
            # What fires before it has found the Alertmanager is lost, and sent again after that.
            f"--rules.alert.resend-delay={_RESEND_SECONDS}s",
        )
        await asyncio.gather(*(process.ready() for process in self._processes))

    async def close(self) -> None:
        await self._client.aclose()
        for process in self._processes:
            process.kill()

    def find_targets(self) -> None:
        """Have Prometheus ask the booth's present instances."""
        hub = self._booth.hub
        ports = {
            "gateway": [one.health_port for one in hub.gateways],
            "router": [one.health_port for one in hub.routers],
            "registry": [one.health_port for one in hub.registries],
            "canary": [one.health_port for one in hub.canaries],
            "redis": [self._ports["prometheus-redis-exporter"]],
        }
        targets = [
            {"targets": [f"{LOOPBACK}:{port}" for port in some], "labels": {"job": job}}
            for job, some in ports.items()
        ]
        # It is read when it appears: never half of it.
        new = self._folder / "new"
        new.write_text(json.dumps(targets))
        new.replace(self._folder / "targets.json")

    async def firing(self) -> Fired:
        """Return what fires."""
        answer = await self._get("prometheus", "/api/v1/alerts")
        jobs: dict[str, set[str]] = {}
        for alert in answer["data"]["alerts"]:
            if alert["state"] == "firing":
                labels = alert["labels"]
                jobs.setdefault(labels["alertname"], set()).add(labels.get("job", ""))
        return Fired(jobs)

    async def until_fires(self, name: str, *, within_seconds: float) -> None:
        """Return once an alert fires.

        Raises:
            TimeoutError: It does not.
        """
        async with asyncio.timeout(within_seconds):
            while name not in await self.firing():  # noqa: ASYNC110 - asked of another process
                await asyncio.sleep(_LOOK_SECONDS)

    async def until_clear(self, name: str, *, within_seconds: float) -> None:
        """Return once an alert does not fire.

        Raises:
            TimeoutError: It goes on.
        """
        async with asyncio.timeout(within_seconds):
            while name in await self.firing():  # noqa: ASYNC110 - asked of another process
                await asyncio.sleep(_LOOK_SECONDS)

    async def until_silenced(self, names: set[str], *, within_seconds: float) -> None:
        """Return once Alertmanager has these alerts, and all are silent because of another one.

        Raises:
            TimeoutError: One of them is not there, or would be told of.
        """
        async with asyncio.timeout(within_seconds):
            while True:
                alerts = await self._get("prometheus-alertmanager", "/api/v2/alerts?active=true")
                silent = {
                    name: all(one["status"]["inhibitedBy"] for one in alerts if _is(one, name))
                    for name in names
                    if any(_is(one, name) for one in alerts)
                }
                if silent == dict.fromkeys(names, True):
                    return
                await asyncio.sleep(_LOOK_SECONDS)

    async def _get(self, program: str, path: str) -> Any:
        while True:
            # A program that a busy machine lets wait has said nothing of its alerts.
            with suppress(httpx.TransportError):
                response = await self._client.get(f"http://{self._at(program)}{path}")
                return response.raise_for_status().json()
            await asyncio.sleep(_LOOK_SECONDS)

    def _at(self, program: str) -> str:
        return f"{LOOPBACK}:{self._ports[program]}"

    def _run(self, name: str, ready: str, *arguments: str) -> None:
        program = find_program(name, PROGRAMS[name])
        if name == "prometheus-alertmanager":
            found = find_alertmanager(self._folder)
            assert not isinstance(found, str), found
            program = found.program
        process = ServiceProcess(
            name,
            [str(program), *arguments],
            settings={},
            ready_url=f"http://{self._at(name)}{ready}",
            folder=self._folder,
            code=self._folder,
        )
        process.start()
        self._processes.append(process)

    def _write_files(self) -> None:
        self._folder.mkdir(exist_ok=True)
        (self._folder / "rules.yml").write_text(shortened(RULES.read_text("utf-8"), self._divisor))
        every = f"{max(_SCRAPE_MILLISECONDS // self._divisor, _SHORTEST_MILLISECONDS)}ms"
        intervals = ("scrape_interval", "scrape_timeout", "evaluation_interval")
        configuration = {
            "global": dict.fromkeys(intervals, every),
            "rule_files": ["rules.yml"],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": [self._at("prometheus-alertmanager")]}]}
                ]
            },
            "scrape_configs": [
                {"job_name": "hub", "file_sd_configs": [{"files": ["targets.json"]}]}
            ],
        }
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        self.find_targets()


def _is(alert: dict[str, Any], name: str) -> bool:
    return bool(alert["labels"]["alertname"] == name)


@asynccontextmanager
async def watching(booth: Booth, folder: Path, divisor: int) -> AsyncIterator[Watch]:
    """Watch a booth, with all durations of the rules divided."""
    watch = Watch(booth, folder, divisor)
    try:
        await watch.start()
        yield watch
    finally:
        await watch.close()
