"""A cleanup command runs after a crash, and only then."""

import subprocess
import sys
from pathlib import Path

from tests.unit.tools.facts import wait_until
from tools.servers.processes.cleanup_on_exit import CleanupOnExit

ROOT = Path(__file__).resolve().parents[3]
STARTER = """
import os, sys
from tools.servers.processes.cleanup_on_exit import CleanupOnExit
cleanup = CleanupOnExit(["touch", sys.argv[1]])
os.kill(os.getpid(), 9)
"""


def test_the_command_runs_after_a_crash(tmp_path: Path) -> None:
    done = tmp_path / "done"
    subprocess.run([sys.executable, "-c", STARTER, str(done)], cwd=ROOT, check=False)
    wait_until(done.exists, "the cleanup has run")


def test_a_cancelled_command_does_not_run(tmp_path: Path) -> None:
    done = tmp_path / "done"
    CleanupOnExit(["touch", str(done)]).cancel()  # returns when the waiting process has ended
    assert not done.exists()
