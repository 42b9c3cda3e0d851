"""The hub in containers: docker-compose.yml, with three gateways behind the balancer.

Only the standard library: this works before the project's environment exists.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tools.local.errors import LocalHubError
from tools.local.instructions import Commands, instructions
from tools.local.ports import HubPorts
from tools.local.stopping import StoppedError, ignore_signals
from tools.servers.processes.cleanup_on_exit import CleanupOnExit
from tools.servers.processes.supervised_process import SupervisedProcess
from tools.servers.server_source import ServerSource

ROOT = Path(__file__).resolve().parents[2]
GATEWAYS = 3
SHOWN = "demo"
"""The Compose service whose log is shown: the simulators at work."""

CHECK_SECONDS = 0.5
SHUTDOWN_SECONDS = 20.0


def run(compose: tuple[str, ...]) -> int:
    """Bring the stack up with Compose, show the simulators until Ctrl-C, take the stack down.

    Raises:
        LocalHubError: it does not come up, or ended by itself.
        StoppedError: after Ctrl-C; nothing is left.
    """
    if not compose:
        raise LocalHubError("Containers need Compose: install docker-compose 1.29 or newer.")
    environment = {**os.environ, **_builder()}
    ports = HubPorts.of(ServerSource.CONTAINERS, environment)
    if _is_running(compose, environment):
        raise LocalHubError(
            "The stack of this folder runs already. End the other `make up`, or take the stack "
            f"down: {shlex.join(compose)} down"
        )
    ports.check_free()
    down = (*compose, "down", "--volumes", "--remove-orphans")
    # Containers outlive the process that started them: if we are killed, this takes them down.
    cleanup = CleanupOnExit(down, cwd=ROOT)
    try:
        _bring_up(compose, environment)
        print(
            instructions(
                _commands(compose, ports),
                int(environment.get("CHARGELIGHT_PARTITIONS") or 64),
                environment,
            )
        )
        _run_until_done((*compose, "logs", "--follow", "--tail", "20", SHOWN), environment)
    finally:
        ignore_signals()
        print("\nTaking everything down ...", flush=True)
        subprocess.run(down, cwd=ROOT, env=environment, check=False, start_new_session=True)
        cleanup.cancel()
    raise LocalHubError(f"The log of `{SHOWN}` ended by itself; everything was taken down.")


def _bring_up(compose: tuple[str, ...], environment: Mapping[str, str]) -> None:
    # `up` does not build the image of a program that is only run by hand.
    build = ("build", "cli")
    up = ("up", "--build", "--detach", "--scale", f"gateway={GATEWAYS}")
    if all(_run_until_done((*compose, *step), environment) == 0 for step in (build, up)):
        return
    subprocess.run((*compose, "ps"), cwd=ROOT, env=environment, check=False)
    subprocess.run((*compose, "logs", "--tail", "20"), cwd=ROOT, env=environment, check=False)
    raise LocalHubError(
        "Compose could not bring the stack up; see its output and the services' above."
    )


def _run_until_done(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    # In a session of its own: we decide what Ctrl-C means, and it arrives once.
    process = SupervisedProcess(command, env=environment, cwd=ROOT, end_signal=signal.SIGTERM)
    try:
        while True:
            # In slices: a signal just before a long wait would only take effect after it.
            with suppress(TimeoutError):
                return process.wait(timeout_seconds=CHECK_SECONDS)
    except StoppedError:
        process.end(signal.SIGINT, patience_seconds=SHUTDOWN_SECONDS)
        raise


def _is_running(compose: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    listed = subprocess.run(
        (*compose, "ps", "-q"), cwd=ROOT, env=environment, capture_output=True, check=False
    )
    return bool(listed.stdout.strip())


def _builder() -> dict[str, str]:
    """Settings for the classic builder, where the plugin of BuildKit is missing."""
    with suppress(OSError):
        ran = subprocess.run(("docker", "buildx", "version"), capture_output=True, check=False)
        if ran.returncode == 0:
            return {}
    return {"DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}


def _commands(compose: tuple[str, ...], ports: HubPorts) -> Commands:
    command = shlex.join(compose)
    return Commands(
        simulator=f"{command} run --rm --no-deps {SHOWN}",
        cli=f"{command} run --rm --no-deps cli",
        redis=f"{command} exec redis redis-cli",
        logs=f"{command} logs --follow gateway router registry",
        registry=f"http://127.0.0.1:{ports.registry}",
    )
