"""The hub in containers: docker-compose.yml, with three gateways behind the balancer.

Only the standard library: this works before the project's environment exists.
"""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tools.local.access import (
    CLIENT_SETTINGS,
    SERVER_PASSWORDS,
    complete_access,
    first_keys,
    server_passwords,
)
from tools.local.address import console_url, device_urls, host_here, host_names, settings_at
from tools.local.errors import LocalHubError
from tools.local.instructions import Commands, instructions
from tools.local.ports import HubPorts
from tools.local.stopping import StoppedError, ignore_signals
from tools.local.terminal import write_settings
from tools.servers.processes.cleanup_on_exit import CleanupOnExit
from tools.servers.processes.supervised_process import SupervisedProcess
from tools.servers.server_source import ServerSource

ROOT = Path(__file__).resolve().parents[2]
TERMINAL = ROOT / ".cache" / "hub.env"
GATEWAYS = 3
SHOWN = "demo"
"""The Compose service whose log is shown: the simulators at work."""

CHECK_SECONDS = 0.5
SHUTDOWN_SECONDS = 20.0


def run(compose: tuple[str, ...], address: str, *, with_tls: bool = False) -> int:
    """Bring the stack up with Compose, show the simulators until Ctrl-C, take the stack down.

    Raises:
        LocalHubError: it does not come up, ended by itself, or the address is none.
        StoppedError: after Ctrl-C; nothing is left.
    """
    if not compose:
        raise LocalHubError("Containers need Compose: install docker-compose 1.29 or newer.")
    if with_tls:
        raise LocalHubError(
            "TLS needs WITH=embedded here. Containers get certificates of yours: see "
            "deploy/compose/production.yml. WITH_TLS=no does without."
        )
    environment = {**os.environ, **_builder()}
    environment |= settings_at(address, ServerSource.CONTAINERS, environment)
    compose = (*compose, "--project-name", _project(environment))
    down = (*compose, "down", "--volumes", "--remove-orphans")
    # `down` removes its data too.
    environment |= complete_access(environment, keeps_data=False) | server_passwords(environment)
    ports = HubPorts.of(ServerSource.CONTAINERS, environment)
    if _is_running(compose, environment):
        raise LocalHubError(
            "The stack of this folder runs already. End the other `make up`, or take the stack "
            f"down: {shlex.join(down)}"
        )
    ports.check_free()
    # A volume that is left from before has the passwords of that run.
    subprocess.run(down, cwd=ROOT, env=environment, capture_output=True, check=False)
    # Containers outlive the process that started them: if we are killed, this takes them down.
    cleanup = CleanupOnExit(down, cwd=ROOT)
    try:
        environment |= _bring_up(compose, environment, f"http://127.0.0.1:{ports.registry}")
        _explain(compose, ports, environment)
        _run_until_done((*compose, "logs", "--follow", "--tail", "20", SHOWN), environment)
    finally:
        ignore_signals()
        print("\nTaking everything down ...", flush=True)
        TERMINAL.unlink(missing_ok=True)
        subprocess.run(down, cwd=ROOT, env=environment, check=False, start_new_session=True)
        cleanup.cancel()
    raise LocalHubError(f"The log of `{SHOWN}` ended by itself; everything was taken down.")


def _explain(compose: tuple[str, ...], ports: HubPorts, environment: Mapping[str, str]) -> None:
    """Write the file that other terminals read, and print what can be typed there."""
    # A program that is run by hand, such as a backup, is a new container: it needs passwords too.
    names = (*CLIENT_SETTINGS, *SERVER_PASSWORDS)
    access = {name: environment[name] for name in names if environment.get(name)}
    setup = write_settings(TERMINAL, access)
    commands = _commands(compose, ports, setup, environment)
    partitions = int(environment.get("CHARGELIGHT_PARTITIONS") or 64)
    print(instructions(commands, partitions, environment))


def _bring_up(
    compose: tuple[str, ...], environment: Mapping[str, str], registry_url: str
) -> dict[str, str]:
    """Bring all up; return the API keys that were made on the way."""
    # `up` does not build the image of a program that is only run by hand.
    build = ("build", "cli")
    # Alone at first: the simulators need a key of it.
    registry = ("up", "--build", "--detach", "registry")
    up = ("up", "--build", "--detach", "--scale", f"gateway={GATEWAYS}")
    if all(_run_until_done((*compose, *step), environment) == 0 for step in (build, registry)):
        made = first_keys(environment, registry_url)
        if _run_until_done((*compose, *up), {**environment, **made}) == 0:
            return made
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


def _project(environment: Mapping[str, str]) -> str:
    """Name a stack of our own: that of a `docker-compose up` here has data that must last."""
    folder = re.sub(r"[^a-z0-9_-]", "", ROOT.name.lower()).lstrip("_-")
    return f"{environment.get('COMPOSE_PROJECT_NAME') or folder}-up"


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


def _commands(
    compose: tuple[str, ...], ports: HubPorts, setup: str, environment: Mapping[str, str]
) -> Commands:
    command = shlex.join(compose)
    source = ServerSource.CONTAINERS
    registry_host = host_here(host_names(source)[1], environment)
    return Commands(
        simulator=f"{command} run --rm --no-deps {SHOWN}",
        cli=f"{command} run --rm --no-deps cli",
        redis=f"{command} exec redis redis-as operator",
        logs=f"{command} logs --follow gateway router registry",
        registry=f"http://{registry_host}:{ports.registry}",
        backup=f"(umask 077; {command} run --rm -T registry backup - > hub.backup)",
        setup=setup,
        console=console_url(source, environment, ports.registry),
        devices=device_urls(source, environment, (ports.chargers, ports.widgets)),
    )
