"""A server's container: one published port that stays the same, and the faults that tests need."""

import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from docker.errors import DockerException  # type: ignore[import-untyped]
from requests.exceptions import RequestException
from testcontainers.core.container import DockerContainer

from tools.servers.cleanup_on_exit import CleanupOnExit
from tools.servers.ports import LOOPBACK, free_port
from tools.servers.wheels import NoServerError

START_SECONDS = 60.0
"""A Postgres image prepares its database at the first start, on a busy machine too."""

CONTAINER_TROUBLE = (DockerException, RequestException, OSError)


class ServerContainer:
    """One container, started.

    It is removed when we end without having closed it: by testcontainers' reaper and, for those who
    switched that off or have no image of it, by a last will of our own.

    Args:
        container: what to run.
        inner_port: the TCP port that the server listens on in there.
        is_ready: whether the server at (host, port) answers.

    Raises:
        NoServerError: it does not come up.
    """

    def __init__(
        self,
        container: DockerContainer,
        inner_port: int,
        is_ready: Callable[[str, int], bool],
    ) -> None:
        self._container = container
        self._is_ready = is_ready
        # Ports that the engine chooses change with every start; this one is part of an address.
        self.port = free_port()
        container.with_bind_ports(inner_port, self.port)
        self._last_will: CleanupOnExit | None = None
        try:
            container.start()
            self._last_will = CleanupOnExit(
                [shutil.which("docker") or "docker", "rm", "--force", "--volumes", self.id]
            )
            host = container.get_container_host_ip()
            self.host = LOOPBACK if host == "localhost" else host
            self.wait_until_ready()
        except CONTAINER_TROUBLE as error:
            self.close()
            raise NoServerError(
                f"the container {container.image} does not start: {error}"
            ) from error
        except BaseException:
            self.close()
            raise

    @property
    def id(self) -> str:
        """The engine's id of the container."""
        return self._container.get_container_id()

    def wait_until_ready(self) -> None:
        """Return once the server in there answers.

        Raises:
            TimeoutError: it does not.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready(self.host, self.port):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer on {self.host}:{self.port}")
            time.sleep(0.02)

    def start(self) -> None:
        """Start it again, with the files it had."""
        self._container.get_wrapped_container().start()
        self.wait_until_ready()

    def end(self, number: signal.Signals) -> None:
        """Send its first process a signal, and wait until it has ended."""
        with suppress(DockerException):  # it is down already
            self._container.get_wrapped_container().kill(number.name)
        self.wait_until_down()

    def wait_until_down(self) -> None:
        """Return once its processes have ended."""
        self._container.get_wrapped_container().wait()

    def freeze(self) -> None:
        """Let its processes hang."""
        self._container.get_wrapped_container().pause()

    def thaw(self) -> None:
        """Let its processes go on."""
        with suppress(DockerException):  # it does not hang
            self._container.get_wrapped_container().unpause()

    def run_inside(self, command: list[str]) -> None:
        """Run a command in there.

        Raises:
            OSError: it failed.
        """
        code, output = self._container.get_wrapped_container().exec_run(command)
        if code != 0:
            raise OSError(f"{command[0]} in the container failed: {output!r}")

    def close(self) -> None:
        """Remove it, with its data."""
        with suppress(*CONTAINER_TROUBLE):
            self._container.stop()
        if self._last_will is not None:
            self._last_will.revoke()
