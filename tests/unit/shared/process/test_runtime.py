"""How a process starts, stops and fails. Each test runs a tiny service of its own."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.gateway.settings import GatewaySettings
from shared.process.runtime import Background, CannotServeError, describe
from shared.process.waiting import end_task, unless_stopped

PROGRAM = """
import asyncio, sys
from services.router.settings import RouterSettings
from shared.process.runtime import Background, CannotServeError, main
from shared.process.waiting import end_task, unless_stopped

def say(text):
    print(text, flush=True)

async def endless():
    try:
        await asyncio.Event().wait()
    finally:
        say("tidied up")

async def serve(settings, stop):
{body}

main(RouterSettings, serve)
"""

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("CHARGELIGHT_")
}


@contextmanager
def running(body: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a service whose ``serve`` is ``body``."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=indented)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "CHARGELIGHT_LOG_FORMAT": "json", **variables},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(body: str, **variables: str) -> tuple[int, str, str]:
    """Run a service that ends by itself; return exit code, standard output and error."""
    with running(body, **variables) as process:
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors


def test_what_a_service_imported_is_no_garbage_to_look_for() -> None:
    body = """import gc
say(gc.get_freeze_count() > 10 * len(gc.get_objects()))
say(gc.isenabled() and gc.get_threshold()[0] > 700)"""
    code, output, _ = ended(body)
    assert (code, output) == (0, "True\nTrue\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_asked_to_stop_drains_and_exits_0(number: signal.Signals) -> None:
    body = 'say("serving")\nawait stop.wait()\nsay("drained")'
    with running(body) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output == "drained\n"
    assert '"event": "stopped"' in errors


def test_wrong_settings_exit_2_and_name_the_variable() -> None:
    code, output, errors = ended('say("serving")', CHARGELIGHT_PARTITIONS="s3cret")
    assert code == 2
    assert output == ""
    assert errors.startswith("router: wrong settings\nCHARGELIGHT_PARTITIONS is not valid")
    assert "s3cret" not in errors
    assert "Traceback" not in errors


def test_an_unknown_setting_exits_2() -> None:
    code, _, errors = ended("pass", CHARGELIGHT_PARTITION="8")
    assert code == 2
    assert "Did you mean CHARGELIGHT_PARTITIONS?" in errors


@pytest.mark.parametrize(
    "body",
    [
        'raise CannotServeError("set it to the same everywhere")',
        """async with asyncio.TaskGroup():
            raise CannotServeError("set it to the same everywhere")""",
    ],
)
def test_what_it_cannot_serve_with_exits_2_and_says_why(body: str) -> None:
    code, _, errors = ended(body)
    assert code == 2
    assert "set it to the same everywhere" in errors
    assert "Traceback" not in errors


def test_a_port_that_is_taken_exits_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, errors = ended(f'await asyncio.start_server(None, "127.0.0.1", {port})')
    assert code == 2
    assert str(port) in errors


@pytest.mark.parametrize(
    "bug", ['KeyError("oh no")', 'ExceptionGroup("both", [OSError("port"), KeyError("oh no")])']
)
def test_a_bug_exits_1_with_its_traceback_also_beside_a_lost_port(bug: str) -> None:
    code, _, errors = ended(f"raise {bug}")
    assert code == 1
    assert "stopped by a bug" in errors
    assert "oh no" in errors


BACKGROUND = """
async with asyncio.TaskGroup() as group:
    background = Background(group)
    background.start(endless(), "wait")
    background.start({work}, "the other")
    await stop.wait()
"""


@pytest.mark.parametrize(
    ("work", "words"),
    [
        ("asyncio.sleep(0)", "the task the other ended, which it never should"),
        ("asyncio.sleep('x')", "TypeError"),
    ],
    ids=["returns", "raises"],
)
def test_a_background_task_that_ends_stops_the_process(work: str, words: str) -> None:
    code, output, errors = ended(BACKGROUND.format(work=work))
    assert code == 1
    assert output == "tidied up\n"
    assert words in errors


def test_a_stop_while_still_waiting_for_redis_exits_0() -> None:
    body = """
say("waiting")
if not await unless_stopped(stop, endless()):
    say("not served")
"""
    with running(body) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "not served" in output


# The parts, without a process.


async def test_background_tasks_are_named_and_cancelled_the_youngest_first() -> None:
    ends: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # tidying up may take a moment
            ends.append(task.get_name())

    async with asyncio.TaskGroup() as group:
        background = Background(group)
        for name in ("first", "second", "third"):
            background.start(work(), name)
        await asyncio.sleep(0)
        await background.stop()
        assert ends == ["third", "second", "first"]


def test_a_second_signal_is_heard_too() -> None:
    body = """
say("serving")
await stop.wait()
say("again" if stop.again.is_set() else "once")
await stop.again.wait()
say("twice")
"""
    with running(body) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        for number, heard in ((signal.SIGTERM, "once\n"), (signal.SIGINT, "twice\n")):
            process.send_signal(number)
            assert process.stdout.readline() == heard
        assert process.wait(60) == 0


async def test_work_is_done_or_stopped() -> None:
    stop = asyncio.Event()
    assert await unless_stopped(stop, asyncio.sleep(0, "done")) == "done"
    stop.set()
    assert await unless_stopped(stop, asyncio.sleep(3600, "done")) is None


async def test_what_the_work_raises_comes_through() -> None:
    async def work() -> None:
        raise CannotServeError("no")

    with pytest.raises(CannotServeError, match="no"):
        await unless_stopped(asyncio.Event(), work())


async def test_cancelling_the_wait_cancels_the_work() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(unless_stopped(asyncio.Event(), work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(30):
        await cancelled.wait()


def test_what_is_logged_of_the_settings_holds_no_password() -> None:
    settings = GatewaySettings.model_validate({"redis_url": "redis://:hunter2@redis"})
    described = describe(settings)
    assert described["charger_port"] == 3100
    assert "hunter2" not in repr(described)


async def test_a_background_task_that_nobody_cancelled_may_not_end_cancelled() -> None:
    # As a library does that lets a cancellation of its own out: a task group alone
    # would take it for a quiet end.
    async def cancelled_by_itself() -> None:
        raise asyncio.CancelledError

    async def process() -> None:
        async with asyncio.TaskGroup() as group:
            Background(group).start(cancelled_by_itself(), "stray")
            await asyncio.sleep(5)

    with pytest.raises(ExceptionGroup) as caught:
        await process()
    assert caught.value.subgroup(RuntimeError)


async def test_what_else_stops_the_process_is_reported_alone() -> None:
    # A port that is taken exits 2, whatever ran beside: no task ended unasked.
    async def process() -> None:
        async with asyncio.TaskGroup() as group:
            Background(group).start(asyncio.sleep(60), "wait")
            await asyncio.sleep(0)
            raise OSError("port")

    with pytest.raises(ExceptionGroup) as caught:
        await process()
    assert [type(error) for error in caught.value.exceptions] == [OSError]


# A stop that hangs.

HANGING = {
    "a task that ignores its cancellation": """
async def deaf():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
async with asyncio.TaskGroup() as group:
    background = Background(group)
    background.start(deaf(), "deaf one")
    say("serving")
    try:
        await stop.wait()
    finally:
        await background.stop()
""",
    "closing that waits for ever": """
say("serving")
await stop.wait()
await asyncio.Event().wait()
""",
    "an event loop that stands still": """
import time
say("serving")
await stop.wait()
time.sleep(60)
""",
}


@pytest.mark.parametrize("hanging", HANGING)
def test_a_stop_that_hangs_ends_all_the_same_and_says_so(hanging: str) -> None:
    with running("type(settings).stop_seconds = 0.5\n" + HANGING[hanging]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "did not stop in time, ending at once" in errors


def test_a_second_signal_gives_no_more_time() -> None:
    body = "type(settings).stop_seconds = 1\n" + HANGING["closing that waits for ever"]
    with running(body) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        began = time.monotonic()
        while process.poll() is None and time.monotonic() < began + 10:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
    assert process.returncode == 1


def test_a_thread_that_a_library_left_behind_keeps_no_stopped_process() -> None:
    body = """
import time
asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
say("serving")
await stop.wait()
"""
    with running(body) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    # All that it owns was closed, in order: that is a clean end.
    assert process.returncode == 0
    assert '"event": "stopped"' in errors


def test_a_bug_ends_a_process_whose_other_tasks_are_deaf() -> None:
    body = "type(settings).stop_seconds = 0.5\n" + HANGING[
        "a task that ignores its cancellation"
    ].replace('say("serving")', 'background.start(asyncio.sleep("x"), "broken")')
    with running(body) as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    # What it waits for, and why it ends at all.
    assert "deaf one" in errors
    assert "the task broken ended: TypeError" in errors


async def test_a_task_that_waits_while_it_tidies_up_is_cancelled_again() -> None:
    async def as_psycopg_does() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()  # for a server that hangs

    task = asyncio.create_task(as_psycopg_does())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await end_task(task, patience=0)
    assert task.cancelled()
