"""A registry that takes backups on a timer, with the command and a real Postgres."""

import sys
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.registry.backup.in_child import BackupFailedError, take_in_child
from tests.fixtures.hub import operator
from tests.fixtures.postgres_at import address_for_registry
from tests.fixtures.processes import WITHOUT_TLS
from tests.fixtures.redis_at import settings_for
from tests.integration.registry.conftest import By, StartRegistry, eventually
from tests.integration.registry.test_backup_commands import Commands
from tests.integration.registry.whole_database import fill

PREFIX: Final = "chargelight_backup_"

# No file may be larger than 100 bytes: each write fails in the middle, as on a full disk.
_FULL_DISK: Final = """
import resource
from services.registry.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
main()
"""


@pytest.fixture
async def of_child(
    redis_url: str, postgres_dsn: str, by_hand: By, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of the registry's process, which its child inherits."""
    assert not by_hand.closed
    own = settings_for(redis_url) | {
        "CHARGELIGHT_POSTGRES_DSN": await address_for_registry(postgres_dsn)
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return own


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def backups_in(folder: Path) -> list[Path]:
    return list(folder.glob("hub-*.backup"))


async def figures(url: str) -> dict[str, float]:
    async with httpx.AsyncClient(verify=WITHOUT_TLS, trust_env=False, **operator()) as client:
        text = (await client.get(f"{url}/metrics")).text
    return {
        sample.name.removeprefix(PREFIX): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith(PREFIX)
    }


async def test_a_backup_on_the_timer_is_told_of_and_can_be_restored(
    of_child: dict[str, str],
    start_registry: StartRegistry,
    by_hand: By,
    empty_postgres_dsn: str,
    tmp_path: Path,
) -> None:
    await fill(by_hand)
    registry = await start_registry(backup_folder=str(tmp_path), backup_every_seconds=3600)

    async def is_told() -> bool:
        return bool((await registry.send("GET", "/hub")).json()["backups"]["bytes"])

    await eventually(is_told)
    (file,) = backups_in(tmp_path)
    told: dict[str, Any] = (await registry.send("GET", "/hub")).json()["backups"]
    assert (told["every_seconds"], told["bytes"]) == (3600, file.stat().st_size)
    assert 0 <= told["age_seconds"] < 600
    assert (await registry.send("GET", "/support")).json()["backups"]["bytes"] == told["bytes"]
    shown = await figures(registry.health_url)
    assert (shown["bytes"], shown["interval_seconds"]) == (told["bytes"], 3600)
    assert shown["timestamp_seconds"] > 0

    elsewhere = Commands(of_child | {"CHARGELIGHT_POSTGRES_DSN": empty_postgres_dsn})
    restored = await elsewhere.run("restore", str(file))
    assert restored.code == 0, restored.errors
    assert "chargers 2, widgets 3, pairings 2" in restored.output


async def test_a_registry_without_a_folder_takes_none_and_says_so(
    start_registry: StartRegistry,
) -> None:
    registry = await start_registry()
    assert (await registry.send("GET", "/hub")).json()["backups"] is None
    assert (await registry.send("GET", "/support")).json()["backups"] is None


async def test_a_disk_that_is_full_is_the_reason_and_leaves_no_half_file(
    of_child: dict[str, str], tmp_path: Path
) -> None:
    assert of_child
    command = [sys.executable, "-c", _FULL_DISK, "backup"]
    with pytest.raises(BackupFailedError, match="File too large"):
        await take_in_child(tmp_path / "hub.backup", command)
    assert names_in(tmp_path) == []


async def test_a_folder_that_is_gone_ends_nothing_and_is_used_once_it_is_back(
    of_child: dict[str, str], start_registry: StartRegistry, tmp_path: Path
) -> None:
    assert of_child
    registry = await start_registry(backup_folder=str(tmp_path / "absent"), backup_every_seconds=1)

    async def has_failed() -> bool:
        return (await figures(registry.health_url))["failures_total"] >= 2

    await eventually(has_failed)
    assert (await registry.readiness())[0] == 200
    assert (await registry.send("PUT", "/chargers/c1", {})).is_success
    (tmp_path / "absent").mkdir()

    async def is_used() -> bool:
        return bool(backups_in(tmp_path / "absent"))

    await eventually(is_used)
