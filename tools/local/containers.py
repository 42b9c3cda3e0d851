"""The way with a container engine: docker-compose.yml, with three gateways behind the balancer.

Only the standard library: this way works before the project's environment exists.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tools.local.instructions import Tools, what_to_type
from tools.local.ports import HubPorts
from tools.local.stopping import StoppedError, ignore_signals
from tools.local.trouble import TroubleError
from tools.servers.cleanup_on_exit import CleanupOnExit
from tools.servers.server_source import ServerSource
from tools.servers.supervised_process import SupervisedProcess

ROOT = Path(__file__).resolve().parents[2]
GATEWAYS = 3
SHOWN = "demo"
"""The Compose service whose log is shown: the simulators at work."""

LOOK_EVERY_SECONDS = 0.5
PARTING_SECONDS = 20.0


def run(compose: tuple[str, ...]) -> int:
    """Bring the stack up, show the simulators until we are asked to stop, take it down.

    Args:
        compose: how Compose is called.

    Raises:
        TroubleError: it can not be brought up, or ended by itself.
        StoppedError: we were asked to stop; nothing is left.
    """
    if not compose:
        raise TroubleError("Containers need Compose: install docker-compose 1.29 or newer.")
    environment = {**os.environ, **_builder()}
    ports = HubPorts.of(ServerSource.CONTAINERS, environment)
    if _running(compose, environment):
        raise TroubleError(
            "The stack of this folder runs already. End the other `make up`, or take it down: "
            f"{shlex.join(compose)} down"
        )
    ports.refuse_taken()
    down = (*compose, "down", "--volumes", "--remove-orphans")
    # Containers do not end with whoever asked for them: if we are killed, this takes them down.
    last_will = CleanupOnExit(down, cwd=ROOT)
    try:
        _bring_up(compose, environment)
        print(
            what_to_type(
                _tools(compose, ports),
                int(environment.get("CHARGELIGHT_PARTITIONS") or 64),
                environment,
            )
        )
        _follow(compose, environment)
    finally:
        ignore_signals()
        print("\nTaking everything down ...", flush=True)
        subprocess.run(down, cwd=ROOT, env=environment, check=False, start_new_session=True)
        last_will.revoke()
    raise TroubleError(f"The log of `{SHOWN}` ended by itself; everything was taken down.")


def _bring_up(compose: tuple[str, ...], environment: Mapping[str, str]) -> None:
    # `up` leaves out the image of a program that is only run by hand.
    build = ("build", "cli")
    up = ("up", "--build", "--detach", "--scale", f"gateway={GATEWAYS}")
    if all(_run_until_done((*compose, *step), environment) == 0 for step in (build, up)):
        return
    subprocess.run((*compose, "ps"), cwd=ROOT, env=environment, check=False)
    subprocess.run((*compose, "logs", "--tail", "20"), cwd=ROOT, env=environment, check=False)
    raise TroubleError(
        "Compose could not bring the stack up; what it and the services said: above."
    )


def _follow(compose: tuple[str, ...], environment: Mapping[str, str]) -> None:
    _run_until_done((*compose, "logs", "--follow", "--tail", "20", SHOWN), environment)


def _run_until_done(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    # In a session of its own: what Ctrl-C means is decided here, and once.
    process = SupervisedProcess(command, env=environment, cwd=ROOT, end_signal=signal.SIGTERM)
    try:
        while True:
            # In slices: a signal just before a long wait would only be noticed after it.
            with suppress(TimeoutError):
                return process.wait(timeout_seconds=LOOK_EVERY_SECONDS)
    except StoppedError:
        process.end(signal.SIGINT, patience_seconds=PARTING_SECONDS)
        raise


def _running(compose: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    asked = subprocess.run(
        (*compose, "ps", "-q"), cwd=ROOT, env=environment, capture_output=True, check=False
    )
    return bool(asked.stdout.strip())


def _builder() -> dict[str, str]:
    """The classic builder, where the new one's plugin is missing: Docker would refuse to build."""
    with suppress(OSError):
        asked = subprocess.run(("docker", "buildx", "version"), capture_output=True, check=False)
        if asked.returncode == 0:
            return {}
    return {"DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}


def _tools(compose: tuple[str, ...], ports: HubPorts) -> Tools:
    called = shlex.join(compose)
    return Tools(
        simulator=f"{called} run --rm --no-deps {SHOWN}",
        cli=f"{called} run --rm --no-deps cli",
        redis=f"{called} exec redis redis-cli",
        logs=f"{called} logs --follow gateway router registry",
        registry=f"http://127.0.0.1:{ports.registry}",
    )
