"""A real Alertmanager, set up as docs/notifications.md says, has its alerts told."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.fixtures.alertmanager import find_alertmanager
from tests.fixtures.postgres_at import know_admin
from tests.fixtures.processes import ROOT, ServiceProcess
from tests.fixtures.receiver import Receiver
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry, eventually
from tests.integration.registry.notify.conftest import telling
from tests.integration.registry.test_access import key_of
from tools.servers.ports import free_port

REGISTRY: Final = "http://registry:3300"
KEY_FILE: Final = "/run/secrets/alertmanager-key"
WAITS: Final = {"group_wait": "0s", "group_interval": "1s"}
"""The defaults are 30 s and 5 min."""

Post = Callable[[str], Awaitable[None]]


def documented(registry: RunningRegistry, key: Path) -> dict[str, Any]:
    """Return Alertmanager's configuration of the document, for this registry and key."""
    text = (ROOT / "docs" / "notifications.md").read_text("utf-8")
    (block,) = re.findall(r"^```yaml\n(route:.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert (block.count(REGISTRY), block.count(KEY_FILE)) == (1, 1)
    here = block.replace(REGISTRY, registry.url).replace(KEY_FILE, str(key))
    configuration: dict[str, Any] = yaml.safe_load(here)
    configuration["route"] |= WAITS
    return configuration


@asynccontextmanager
async def running_alertmanager(
    folder: Path, configuration: dict[str, Any], registry: RunningRegistry
) -> AsyncIterator[Post]:
    """Run it; what is given posts an alert that ends at a time, as Prometheus does."""
    found = await asyncio.to_thread(find_alertmanager, folder)
    if isinstance(found, str):
        pytest.skip(found)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(configuration))
    url = f"http://127.0.0.1:{free_port()}"
    arguments = (
        "--config.file=alertmanager.yml",
        "--storage.path=alertmanager",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    )
    process = ServiceProcess(
        "alertmanager",
        [str(found.program), *arguments],
        settings={},
        ready_url=f"{url}/-/ready",
        folder=folder,
        code=found.folder,
    )

    async def post(ends_at: str) -> None:
        alert = {
            "labels": {"alertname": "RedisAway", "severity": "page"},
            "annotations": {"summary": "Lights stand still", "runbook": "docs/RedisAway.md"},
            "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": ends_at,
        }
        answer = await registry.client.post(f"{url}/api/v2/alerts", json=[alert])
        answer.raise_for_status()

    process.start()
    try:
        await process.ready()
        yield post
    finally:
        process.kill()


async def test_a_real_alertmanager_with_an_operators_key_has_an_alert_and_its_end_told(
    start_registry: StartRegistry, by_hand: By, receiver: Receiver, tmp_path: Path
) -> None:
    await know_admin(by_hand)
    registry = await start_registry(operator_auth="required", **telling(receiver))
    # As `chargelight keys create` prints it into a file.
    key = tmp_path / "key"
    key.write_text((await key_of(registry, "alertmanager", "operator"))["key"] + "\n")

    async def is_told(count: int) -> bool:
        return len(receiver.taken) == count

    async with running_alertmanager(tmp_path, documented(registry, key), registry) as post:
        await post("2100-01-01T00:00:00Z")
        await eventually(lambda: is_told(1))
        await post(datetime.now(UTC).isoformat())
        await eventually(lambda: is_told(2))
    first, second = (received.event for received in receiver.taken)
    assert (first["kind"], first["ended"], second["ended"]) == ("hub.trouble", False, True)
    assert (
        first["data"]
        == second["data"]
        == {
            "name": "RedisAway",
            "severity": "page",
            "summary": "Lights stand still",
            "runbook": "docs/RedisAway.md",
            "since": "2020-01-01T00:00:00+00:00",
        }
    )
