"""A test ends what it started, and never the run that it is a part of."""

import signal
import subprocess
import sys

import pytest

from tests.fixtures.children import send_signal


@pytest.mark.parametrize("pid", [-1, 0, 1])
def test_what_stands_for_many_processes_gets_no_signal(pid: int) -> None:
    # Not SIGKILL: if it were sent, this test should fail, not the machine.
    with pytest.raises(ValueError, match="is not the process id"):
        send_signal(pid, signal.SIGCONT)


def test_a_process_gets_its_signal() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        send_signal(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
