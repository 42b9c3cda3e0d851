"""A program that ends when we end, whatever ends us."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("supervisor.py")

SIGNALLED = 128
"""Above this, the supervisor's exit code means a signal; see `supervisor.py`."""
STOP_TIMEOUT_SECONDS = 5.0


class SupervisedProcess:
    """A running program, started by a supervisor (`supervisor.py`) that ends it when we end.

    Not for use from several threads at once.

    Args:
        command: the program and its arguments.
        log: the file that gets what it prints (appended); None leaves it our terminal.
        env: its whole environment; None means ours.
        cwd: the folder it starts in; None means ours.
        user: (user id, group id) to run as; only root may do that.
        end_signal: what the supervisor ends it with (followed by SIGKILL after 5 s).
        own_session: out of reach of Ctrl-C; False for a program that uses our terminal.
        remove_after_crash: folders to remove if we end without having ended it.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: tuple[int, int] | None = None,
        end_signal: signal.Signals = signal.SIGKILL,
        own_session: bool = True,
        remove_after_crash: Iterable[Path] = (),
    ) -> None:
        life_line, self._life_line = os.pipe()
        report, supervisors_report = os.pipe()
        spec = {
            "command": [str(word) for word in command],
            "life_line": life_line,
            "report": supervisors_report,
            "user": user,
            "end_signal": int(end_signal),
            "own_session": own_session,
            "remove_after_crash": [str(folder) for folder in remove_after_crash],
        }
        # -I -S: it needs no installed packages, and starts faster without them.
        supervisor = [sys.executable, "-I", "-S", str(SUPERVISOR), json.dumps(spec)]
        output = None if log is None else log.open("ab")
        try:
            self._supervisor = subprocess.Popen(
                supervisor,
                stdin=subprocess.DEVNULL if own_session else None,
                stdout=output,
                stderr=output and subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                pass_fds=(life_line, supervisors_report),
                start_new_session=own_session,
            )
        except BaseException:
            os.close(report)
            os.close(self._life_line)
            raise
        finally:
            os.close(life_line)
            os.close(supervisors_report)
            if output is not None:
                output.close()
        with os.fdopen(report) as answer:
            first_line = answer.readline()
        if not first_line:
            self.wait()
            raise OSError(f"the supervisor of {command[0]} ended before it started it")
        self.pid = int(first_line)

    def poll(self) -> int | None:
        """The exit code (minus the signal's number, if one ended it), or None while it runs."""
        code = self._supervisor.poll()
        if code is None:
            return None
        self._close_life_line()
        return SIGNALLED - code if code > SIGNALLED else code

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait for its end; returns the exit code as `poll` does.

        Raises:
            TimeoutError: it still runs.
        """
        try:
            self._supervisor.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"process {self.pid} still runs") from None
        code = self.poll()
        assert code is not None  # noqa: S101 - for the type checker: it has just ended
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal; no effect on a program that has ended."""
        # It may have ended a moment ago, its supervisor not yet.
        with suppress(ProcessLookupError):
            if self.poll() is None:
                os.kill(self.pid, number)  # noqa: TID251 - the supervisor reported it

    def freeze(self) -> None:
        """Suspend it with SIGSTOP, and return once it has stopped.

        A process that is busy on another core runs on for a moment. Linux says when it has stopped;
        elsewhere this waits for a fixed time.

        Raises:
            TimeoutError: it still runs.
        """
        self.send(signal.SIGSTOP)
        if sys.platform != "linux":
            time.sleep(0.05)
            return
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        # The state follows the name in parentheses, which may itself hold anything.
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"process {self.pid} still runs after SIGSTOP")
                time.sleep(0.001)

    def end(self, number: signal.Signals, *, patience_seconds: float = 10.0) -> int:
        """End it by a signal, or by SIGKILL once the patience is over; returns the exit code."""
        self.send(number)
        try:
            return self.wait(patience_seconds)
        except TimeoutError:
            self.send(signal.SIGKILL)
            return self.wait()

    def _close_life_line(self) -> None:
        if self._life_line >= 0:
            os.close(self._life_line)
            self._life_line = -1
