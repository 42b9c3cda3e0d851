"""Programs bound to their starter end with it, whatever ends it."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.children import send_signal
from tests.unit.tools.facts import lives, wait_until
from tools.servers.processes.supervised_process import SupervisedProcess

ROOT = Path(__file__).resolve().parents[3]
SLEEPER = ["sleep", "600"]
_MANY = 1100
"""More than select() takes."""

STARTER = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from tools.servers.processes.supervised_process import SupervisedProcess
folder = Path(sys.argv[1])
process = SupervisedProcess(["sleep", "600"], remove_after_crash=[folder])
print(process.pid, process._supervisor.pid, flush=True)
while True:
    time.sleep(0.1)  # in slices: a signal just before a sleep is only noticed after it
"""


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int, Path]]:
    folder = tmp_path / "data"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        program, supervisor = (int(word) for word in process.stdout.readline().split())
        yield process, program, supervisor, folder
        process.kill()


@pytest.fixture
def raised_file_limit() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * _MANY:
        pytest.skip(f"this machine allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * _MANY), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_program_runs_and_its_output_and_exit_code_arrive(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = SupervisedProcess(["sh", "-c", "echo out; echo err >&2; exit 7"], log=log)
    assert process.wait(10) == 7
    assert log.read_text() == "out\nerr\n"


def test_a_program_ended_by_a_signal_has_its_number_as_exit_code() -> None:
    process = SupervisedProcess(SLEEPER)
    assert process.poll() is None
    assert process.end(signal.SIGTERM) == -signal.SIGTERM
    assert not lives(process.pid)
    process.send(signal.SIGTERM)  # no effect, no error


def test_a_program_that_ignores_a_signal_is_killed_in_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = SupervisedProcess(["sh", "-c", "trap '' TERM; echo ready; sleep 600"], log=log)
    wait_until(lambda: "ready" in log.read_text(), "the trap is set")
    assert process.end(signal.SIGTERM, patience_seconds=0.1) == -signal.SIGKILL


def test_a_starter_with_many_open_files_has_programs_too(raised_file_limit: None) -> None:
    del raised_file_limit
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(_MANY)]
    try:
        process = SupervisedProcess(["sh", "-c", "exit 7"])
        assert process.wait(10) == 7
    finally:
        for descriptor in opened:
            os.close(descriptor)


def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = SupervisedProcess(["sh", "-c", "sleep 600 & echo $!; wait"], log=log)
    wait_until(lambda: log.read_text().endswith("\n"), "it has started another one")
    process.end(signal.SIGKILL)
    wait_until(lambda: not lives(int(log.read_text())), "the other one has ended too")


def test_a_program_that_does_not_exist_says_so(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert SupervisedProcess(["/does/not/exist"], log=log).wait(10) == 127
    assert "/does/not/exist" in log.read_text()


def test_a_program_hears_ctrl_c_although_its_supervisor_does_not() -> None:
    assert SupervisedProcess(SLEEPER).end(signal.SIGINT) == -signal.SIGINT


def test_a_program_started_by_a_thread_outlives_the_thread() -> None:
    started: list[SupervisedProcess] = []
    thread = threading.Thread(target=lambda: started.append(SupervisedProcess(SLEEPER)))
    thread.start()
    thread.join()
    (process,) = started
    with pytest.raises(TimeoutError):
        process.wait(0.2)
    process.end(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_program_and_its_folder_are_gone_when_the_starter_is(
    starter: tuple[subprocess.Popen[str], int, int, Path], number: signal.Signals
) -> None:
    process, program, supervisor, folder = starter
    process.send_signal(number)
    wait_until(lambda: not lives(program), "the program has ended")
    wait_until(lambda: not lives(supervisor), "the supervisor has ended")
    assert not folder.exists()


def test_a_frozen_program_ends_with_its_starter_too(
    starter: tuple[subprocess.Popen[str], int, int, Path],
) -> None:
    process, program, _, _ = starter
    send_signal(program, signal.SIGSTOP)
    process.kill()
    wait_until(lambda: not lives(program), "the frozen program has ended")


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_a_program_ends_when_its_supervisor_is_killed(
    starter: tuple[subprocess.Popen[str], int, int, Path],
) -> None:
    _, program, supervisor, _ = starter
    send_signal(supervisor, signal.SIGKILL)
    wait_until(lambda: not lives(program), "the program has ended")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run programs as another user")
def test_a_program_of_another_user_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = SupervisedProcess(
        ["sh", "-c", "id -u; id -G; exec sleep 600"], log=log, user=(65534, 65534)
    )
    wait_until(
        lambda: log.read_text() == "65534\n65534\n", "it runs as that user and no group more"
    )
    process._supervisor.kill()
    wait_until(lambda: not lives(process.pid), "the program has ended")
    process.wait(10)
