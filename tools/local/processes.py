"""The hub without a container engine: every part is a process of this machine.

One Redis, one Postgres, a registry, two routers, and two gateways that share their ports.
"""

import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path

from tools.local.errors import LocalHubError
from tools.local.instructions import SEEDED, Commands, instructions
from tools.local.ports import ALL_ADDRESSES, HubPorts
from tools.local.service import Service
from tools.local.stopping import StoppedError, ignore_signals
from tools.servers.ports import free_port, is_free
from tools.servers.postgres.open import open_postgres
from tools.servers.processes.supervised_process import SupervisedProcess
from tools.servers.redis.open import open_redis
from tools.servers.redis.redis_cli import redis_cli
from tools.servers.server_options import POSTGRES_SETTING, REDIS_SETTING, ServerOptions
from tools.servers.server_source import Choice, unavailable
from tools.servers.wheels import NoServerError

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".cache" / "logs"
CHECK_SECONDS = 0.2
SHUTDOWN_SECONDS = 10.0
DEMO_PAIRS = 8


def run(choice: Choice) -> int:
    """Start all parts, show the demo until Ctrl-C, end all parts.

    Returns:
        The exit code: the demo's own, if it ends by itself.

    Raises:
        LocalHubError: something is missing on this machine, or a part failed.
        StoppedError: after Ctrl-C; nothing is left.
    """
    given = any(os.environ.get(name) for name in (REDIS_SETTING, POSTGRES_SETTING))
    reason = "no address is given" if given else choice.reason
    options = ServerOptions(os.environ, unavailable(reason))
    ports = HubPorts.of(choice.source, os.environ)
    ports.check_free()
    with ExitStack() as parts:
        # Runs last, whatever ends the block.
        parts.callback(print, "Everything has ended.")
        try:
            redis = parts.enter_context(closing(open_redis(options)))
            print(f"Redis: {redis.description}")
            postgres = parts.enter_context(closing(open_postgres(options)))
            print(f"Postgres: {postgres.description}")
        except NoServerError as error:
            raise LocalHubError(str(error)) from None
        environment = _environment(ports, redis.url, postgres.dsn)
        services = _start_services(parts, environment)
        for service in services:
            service.wait_until_ready()
        _seed(environment)
        commands = _commands(redis_cli(redis.url), ports)
        partitions = int(environment.get("CHARGELIGHT_PARTITIONS") or 64)
        print(instructions(commands, partitions, environment), flush=True)
        return _show_demo(parts, services, environment)


def _environment(ports: HubPorts, redis_url: str, postgres_dsn: str) -> dict[str, str]:
    """What all parts get: the addresses, and our variables, so that any setting can be tried."""
    return {
        # A drain of seconds suits a real hub; here a person waits for the prompt.
        "CHARGELIGHT_GATEWAY_DRAIN_SECONDS": "0.5",
        **os.environ,
        REDIS_SETTING: redis_url,
        POSTGRES_SETTING: postgres_dsn,
        "CHARGELIGHT_GATEWAY_CHARGER_PORT": str(ports.chargers),
        "CHARGELIGHT_GATEWAY_WIDGET_PORT": str(ports.widgets),
        "CHARGELIGHT_GATEWAY_REUSE_PORT": "true",
        "CHARGELIGHT_REGISTRY_PORT": str(ports.registry),
        **_urls(ports),
    }


def _urls(ports: HubPorts) -> dict[str, str]:
    """The settings that lead our programs to the hub."""
    registry = f"http://127.0.0.1:{ports.registry}"
    return {
        "CHARGELIGHT_SIMULATOR_CHARGERS_URL": f"ws://127.0.0.1:{ports.chargers}",
        "CHARGELIGHT_SIMULATOR_WIDGETS_URL": f"ws://127.0.0.1:{ports.widgets}",
        "CHARGELIGHT_SIMULATOR_REGISTRY_URL": registry,
        "CHARGELIGHT_CLI_URL": registry,
    }


def _start_services(parts: ExitStack, environment: Mapping[str, str]) -> list[Service]:
    """Start them all at once (their order does not matter); `parts` ends them all at once."""
    services: list[Service] = []
    parts.callback(_end_services, services)
    LOGS.mkdir(parents=True, exist_ok=True)
    services_to_start = (
        ("registry", 1, 3103),
        ("router", 1, 3102),
        ("router", 2, 3112),
        ("gateway", 1, 3101),
        ("gateway", 2, 3111),
    )
    for module, number, usual_port in services_to_start:
        health_port = usual_port if is_free(usual_port, ALL_ADDRESSES) else free_port()
        own = {f"CHARGELIGHT_{module.upper()}_HEALTH_PORT": str(health_port)}
        name = module if module == "registry" else f"{module}-{number}"
        services.append(
            Service(
                name,
                module,
                environment={**environment, **own, "PYTHONUNBUFFERED": "1"},
                health_port=health_port,
                logs=LOGS,
                root=ROOT,
            )
        )
    print(f"Services: {', '.join(service.name for service in services)}; their logs: {LOGS}")
    return services


def _end_services(services: list[Service]) -> None:
    ignore_signals()
    for service in services:
        service.terminate()
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    for service in services:
        service.end(patience_seconds=max(0.0, deadline - time.monotonic()))


def _simulator(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "services.simulator", *arguments]


def _seed(environment: Mapping[str, str]) -> None:
    process = SupervisedProcess(_simulator("register", *SEEDED), env=environment, cwd=ROOT)
    try:
        code = process.wait(timeout_seconds=60)
    except (StoppedError, TimeoutError):
        process.end(signal.SIGKILL)
        raise
    if code != 0:
        raise LocalHubError(
            f"Registering {' '.join(SEEDED)} failed; see the simulator's output above."
        )


def _show_demo(parts: ExitStack, services: list[Service], environment: Mapping[str, str]) -> int:
    """Let the demo have the terminal, Ctrl-C included, and watch the services meanwhile."""
    demo = SupervisedProcess(
        _simulator("demo", "--pairs", str(DEMO_PAIRS)),
        env=environment,
        cwd=ROOT,
        end_signal=signal.SIGTERM,
        own_session=False,
    )
    parts.callback(demo.end, signal.SIGTERM)
    parts.callback(ignore_signals)
    while (code := demo.poll()) is None:
        for service in services:
            service.fail_if_ended()
        time.sleep(CHECK_SECONDS)
    return code


def _commands(redis: str, ports: HubPorts) -> Commands:
    # As a person types them in this folder, without activating the environment.
    programs = _shown(Path(sys.executable).parent)
    return Commands(
        simulator=f"{programs}/chargelight-simulator",
        cli=f"{programs}/chargelight",
        redis=redis.replace(f"{ROOT}/", ""),
        logs=f"tail -f {_shown(LOGS)}/*.log",
        registry=f"http://127.0.0.1:{ports.registry}",
        setup=_setup(ports),
    )


def _shown(path: Path) -> str:
    return shlex.quote(str(path).removeprefix(f"{ROOT}/"))


def _setup(ports: HubPorts) -> str:
    """The command that leads our programs to ports other than the usual ones."""
    usual = _urls(HubPorts.usual())
    assignments = [f"{name}={url}" for name, url in _urls(ports).items() if url != usual[name]]
    return f"export {' '.join(assignments)}" if assignments else ""
