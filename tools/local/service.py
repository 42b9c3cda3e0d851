"""One service of the local hub as a process with a log file."""

import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tools.local.errors import LocalHubError
from tools.servers.processes.supervised_process import SupervisedProcess

READY_SECONDS = 60.0
LOG_LINES = 15


class Service:
    """A running service.

    Args:
        name: for people, and the log file's name: `gateway-1`; an older log is replaced.
        module: the package under `services` to run.
        environment: its whole environment.
        ready_url: where it answers whether it is ready.
        logs: the folder of log files.
        root: the project's folder.
    """

    def __init__(
        self,
        name: str,
        module: str,
        *,
        environment: Mapping[str, str],
        ready_url: str,
        logs: Path,
        root: Path,
    ) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self.ready_url = ready_url
        self.log.unlink(missing_ok=True)
        self._process = SupervisedProcess(
            [sys.executable, "-m", f"services.{module}"], log=self.log, env=environment, cwd=root
        )

    def wait_until_ready(self) -> None:
        """Return once it is ready.

        Raises:
            LocalHubError: it ended instead, or takes too long.
        """
        # No proxy: it would not lead to this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + READY_SECONDS
        reason = "no answer"
        while time.monotonic() < deadline:
            self.fail_if_ended()
            try:
                with opener.open(self.ready_url, timeout=2):
                    return
            except urllib.error.HTTPError as error:
                reason = error.read().decode(errors="replace").strip()
                error.close()
            except OSError:
                pass
            time.sleep(0.05)
        raise LocalHubError(
            f"{self.name} is not ready after {READY_SECONDS:g} s ({reason}).\n{self._last_lines()}"
        )

    def fail_if_ended(self) -> None:
        """Check that it still runs.

        Raises:
            LocalHubError: it does not; shows the end of its log.
        """
        code = self._process.poll()
        if code is not None:
            ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise LocalHubError(f"{self.name} {ended}. {self._last_lines()}")

    def terminate(self) -> None:
        """Ask it to end; returns at once."""
        self._process.send(signal.SIGTERM)

    def end(self, *, patience_seconds: float) -> None:
        """Wait until it has ended; kill it once the patience is over."""
        try:
            self._process.wait(patience_seconds)
        except TimeoutError:
            self._process.end(signal.SIGKILL)

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        shown = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
        return f"The last lines of {self.log}:\n{shown}"
