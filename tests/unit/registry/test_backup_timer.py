"""Backups on a timer: when they are taken, which are kept, and what is told of them."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.registry import metrics
from services.registry.backup import timer
from services.registry.backup.folder import BackupFolder, Schedule
from services.registry.backup.in_child import BackupFailedError, take_in_child
from services.registry.backup.timer import BackupTimer
from tests.fixtures.children import is_running

AT = datetime(2026, 11, 24, 20, 52, 7, tzinfo=UTC)
NAME = "hub-2026-11-24T20-52-07Z.backup"
HOUR = timedelta(hours=1)


class Registry:
    """A registry with a clock, whose backups are a word."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.now = AT
        self.is_first = True
        self.failure: Exception | None = None
        self.timer = BackupTimer(
            Schedule(folder, 3600, keep), lambda: self.is_first, self._take, lambda: self.now
        )

    async def _take(self, path: Path) -> None:
        if self.failure is not None:
            raise self.failure
        path.write_text("backup")  # noqa: ASYNC240 - a word, in a test


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not fact():  # noqa: ASYNC110 - a child's file, or a counter
            await asyncio.sleep(0.005)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    yield Registry(tmp_path)
    for gauge in metrics.BACKUP_TIMESTAMP, metrics.BACKUP_BYTES, metrics.BACKUP_INTERVAL:
        gauge.set(0)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_the_first_backup_is_taken_at_once_and_the_next_when_it_is_due(
    registry: Registry, tmp_path: Path
) -> None:
    await registry.timer.look_once()
    assert names_in(tmp_path) == [NAME]
    registry.now = AT + HOUR - timedelta(seconds=1)
    await registry.timer.look_once()
    assert names_in(tmp_path) == [NAME]
    registry.now = AT + HOUR
    await registry.timer.look_once()
    assert names_in(tmp_path) == [NAME, "hub-2026-11-24T21-52-07Z.backup"]


async def test_its_age_and_size_are_known_at_once_after_a_restart_and_whoever_took_it(
    registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / NAME).write_text("backup")
    registry.is_first = False
    registry.now = AT + 5 * HOUR
    await registry.timer.look_once()
    assert names_in(tmp_path) == [NAME], "it is another registry's turn"
    assert metrics.BACKUP_TIMESTAMP._value.get() == AT.timestamp()
    assert metrics.BACKUP_BYTES._value.get() == len("backup")
    assert metrics.BACKUP_INTERVAL._value.get() == 3600


async def test_the_newest_ones_are_kept_and_other_files_stay(
    registry: Registry, tmp_path: Path
) -> None:
    others = ["before-the-upgrade.backup", "hub-yesterday.backup"]
    for name in others:
        (tmp_path / name).write_text("of a person")
    for hour in range(5):
        registry.now = AT + hour * HOUR
        await registry.timer.look_once()
    kept = [f"hub-2026-11-{name}-52-07Z.backup" for name in ("24T23", "25T00")]
    assert names_in(tmp_path) == sorted([*others, *kept])


async def test_a_clock_that_was_ahead_neither_stops_backups_nor_has_one_removed(
    registry: Registry, tmp_path: Path
) -> None:
    ahead = [f"hub-2027-01-0{day}T00-00-00Z.backup" for day in (1, 2, 3)]
    for name in ahead:
        (tmp_path / name).write_text("backup")
    for hour in range(3):
        registry.now = AT + hour * HOUR
        await registry.timer.look_once()
    assert names_in(tmp_path) == [
        *(f"hub-2026-11-24T{hour}-52-07Z.backup" for hour in (21, 22)),
        *ahead,
    ]


async def test_what_a_killed_backup_left_goes_and_one_that_is_being_written_stays(
    registry: Registry, tmp_path: Path
) -> None:
    left, present = tmp_path / f".{NAME}.left", tmp_path / f".{NAME}.present"
    for path in left, present:
        path.write_text("half")
    os.utime(left, (0, 0))
    await registry.timer.look_once()
    assert names_in(tmp_path) == sorted([present.name, NAME])


@pytest.mark.parametrize("failure", [BackupFailedError("No space left"), OSError("no child")])
async def test_a_failure_is_counted_and_tried_again_and_older_ones_stay(
    registry: Registry, tmp_path: Path, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timer, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(timer, "_RETRY_SECONDS", 0.001)
    (tmp_path / NAME).write_text("backup")
    registry.now = AT + 3 * HOUR
    registry.failure = failure
    before = metrics.BACKUP_FAILURES._value.get()
    task = asyncio.create_task(registry.timer.run())
    await until(lambda: metrics.BACKUP_FAILURES._value.get() >= before + 2)
    assert names_in(tmp_path) == [NAME]
    registry.failure = None
    await until(lambda: len(names_in(tmp_path)) == 2)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_folder_that_is_not_there_is_a_failure_and_not_made(tmp_path: Path) -> None:
    absent = Registry(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        await absent.timer.look_once()
    assert names_in(tmp_path) == []


def test_names_in_a_folder_are_in_utc(tmp_path: Path) -> None:
    assert BackupFolder(tmp_path).file_of(AT) == tmp_path / NAME


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


async def test_a_child_writes_the_file_with_less_priority_than_the_registry(tmp_path: Path) -> None:
    program = "import os, sys, time; time.sleep(0.3); open(sys.argv[1], 'w').write(str(os.nice(0)))"
    await take_in_child(tmp_path / "file", python(program))
    assert int((tmp_path / "file").read_text()) == min(os.nice(0) + 10, 19) or os.nice(0) > 10


async def test_what_a_child_says_when_it_fails_is_the_reason(tmp_path: Path) -> None:
    program = "import sys; sys.exit('chargelight-registry: No space left on device')"
    with pytest.raises(BackupFailedError, match=r"^No space left on device$"):
        await take_in_child(tmp_path / "file", python(program))
    with pytest.raises(BackupFailedError, match="ended with 3"):
        await take_in_child(tmp_path / "file", python("import os; os._exit(3)"))


async def test_a_child_that_takes_too_long_is_ended_even_if_it_does_not_listen(
    tmp_path: Path,
) -> None:
    program = (
        "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    )
    file = tmp_path / "pid"
    with pytest.raises(BackupFailedError, match="longer than"):
        await take_in_child(file, python(program), within=2.0)
    assert not is_running(int(file.read_text()))


async def test_a_registry_that_ends_ends_its_child(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    program = (
        "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    )
    task = asyncio.create_task(take_in_child(file, python(program)))
    await until(lambda: file.exists() and bool(file.read_text()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_running(int(file.read_text()))
