"""Being asked to stop, once and twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import os, signal, sys
from tools.local.stopping import StoppedError, stop_on_signals
number = int(sys.argv[1])
stop_on_signals()
try:
    try:
        os.kill(os.getpid(), number)
        signal.pause()
    except Exception:
        print("swallowed")
except StoppedError:
    os.kill(os.getpid(), number)
    print("tidied up")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_tidying_up_is_not_disturbed_by_a_second_signal(number: signal.Signals) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(int(number))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ran.stdout == "tidied up\n"
