"""The way without a container engine: every part as a process of this machine.

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

from tools.local.instructions import SEEDED, Tools, what_to_type
from tools.local.ports import ALL_ADDRESSES, HubPorts
from tools.local.service import Service
from tools.local.stopping import StoppedError, ignore_signals
from tools.local.trouble import TroubleError
from tools.servers.environment import POSTGRES_SETTING, REDIS_SETTING, Environment
from tools.servers.ports import free_port, is_free
from tools.servers.postgres.open import open_postgres
from tools.servers.redis.open import open_redis
from tools.servers.server_source import Choice, Offer
from tools.servers.supervised_process import SupervisedProcess
from tools.servers.wheels import NoServerError

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".cache" / "logs"
LOOK_EVERY_SECONDS = 0.2
PARTING_SECONDS = 10.0
DEMO_PAIRS = 8


def run(choice: Choice) -> int:
    """Bring all parts up, show the demo until we are asked to stop, end all parts.

    Returns:
        The exit code: the demo's own, if it ends by itself.

    Raises:
        TroubleError: something is missing on this machine, or a part broke.
        StoppedError: we were asked to stop; nothing is left.
    """
    given = any(os.environ.get(name) for name in (REDIS_SETTING, POSTGRES_SETTING))
    because = "no address is given" if given else choice.why
    surroundings = Environment(os.environ, Offer(available=False, because=because))
    ports = HubPorts.of(choice.way, os.environ)
    ports.refuse_taken()
    with ExitStack() as parts:
        # Whatever ends the block: from then on nothing disturbs the parting.
        parts.callback(print, "Everything has ended.")
        try:
            redis = parts.enter_context(closing(open_redis(surroundings)))
            print(f"Redis: {redis.description}")
            postgres = parts.enter_context(closing(open_postgres(surroundings)))
            print(f"Postgres: {postgres.description}")
        except NoServerError as error:
            raise TroubleError(str(error)) from None
        environment = _environment(ports, redis.url, postgres.dsn)
        services = _start_services(parts, environment)
        for service in services:
            service.wait_until_ready()
        _seed(environment)
        tools = _tools(redis.command_line, ports)
        partitions = int(environment.get("CHARGELIGHT_PARTITIONS") or 64)
        print(what_to_type(tools, partitions, environment), flush=True)
        return _show_demo(parts, services, environment)


def _environment(ports: HubPorts, redis_url: str, postgres_dsn: str) -> dict[str, str]:
    """What all parts get: our own environment, so that any setting can be tried, and the places."""
    registry_url = f"http://127.0.0.1:{ports.registry}"
    return {
        # A parting of seconds serves a booth; here somebody waits for the prompt.
        "CHARGELIGHT_GATEWAY_DRAIN_SECONDS": "0.5",
        **os.environ,
        REDIS_SETTING: redis_url,
        POSTGRES_SETTING: postgres_dsn,
        "CHARGELIGHT_GATEWAY_CHARGER_PORT": str(ports.chargers),
        "CHARGELIGHT_GATEWAY_WIDGET_PORT": str(ports.widgets),
        "CHARGELIGHT_GATEWAY_REUSE_PORT": "true",
        "CHARGELIGHT_REGISTRY_PORT": str(ports.registry),
        "CHARGELIGHT_SIMULATOR_CHARGERS_URL": f"ws://127.0.0.1:{ports.chargers}",
        "CHARGELIGHT_SIMULATOR_WIDGETS_URL": f"ws://127.0.0.1:{ports.widgets}",
        "CHARGELIGHT_SIMULATOR_REGISTRY_URL": registry_url,
    }


def _start_services(parts: ExitStack, environment: Mapping[str, str]) -> list[Service]:
    """Start them all at once, as they may start in any order; `parts` ends them all at once."""
    services: list[Service] = []
    parts.callback(_end_services, services)
    LOGS.mkdir(parents=True, exist_ok=True)
    wanted = (
        ("registry", 1, 3103),
        ("router", 1, 3102),
        ("router", 2, 3112),
        ("gateway", 1, 3101),
        ("gateway", 2, 3111),
    )
    for module, number, usual_port in wanted:
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
        service.ask_to_end()
    deadline = time.monotonic() + PARTING_SECONDS
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
        raise TroubleError(
            f"Registering {' '.join(SEEDED)} failed; what the simulator said: above."
        )


def _show_demo(parts: ExitStack, services: list[Service], environment: Mapping[str, str]) -> int:
    """The demo has the terminal, Ctrl-C included; meanwhile the services are watched."""
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
        time.sleep(LOOK_EVERY_SECONDS)
    return code


def _tools(redis_command_line: str, ports: HubPorts) -> Tools:
    # As a person in this folder would type it.
    python = shlex.quote(sys.executable.removeprefix(f"{ROOT}/"))
    return Tools(
        simulator=f"{_changed_places(ports)}{python} -m services.simulator",
        cli=f"{_changed_places(ports)}{python} -m services.cli",
        redis=redis_command_line.removeprefix(f"{ROOT}/"),
        logs=f"tail -f {shlex.quote(str(LOGS.relative_to(ROOT)))}/*.log",
        registry=f"http://127.0.0.1:{ports.registry}",
    )


def _changed_places(ports: HubPorts) -> str:
    """What tells our programs of ports that are not its defaults."""
    usual = HubPorts.usual()
    words = [
        f"{name}={scheme}://127.0.0.1:{port}"
        for name, scheme, port, default in (
            ("CHARGELIGHT_SIMULATOR_CHARGERS_URL", "ws", ports.chargers, usual.chargers),
            ("CHARGELIGHT_SIMULATOR_WIDGETS_URL", "ws", ports.widgets, usual.widgets),
            ("CHARGELIGHT_SIMULATOR_REGISTRY_URL", "http", ports.registry, usual.registry),
            ("CHARGELIGHT_CLI_URL", "http", ports.registry, usual.registry),
        )
        if port != default
    ]
    return "".join(f"{word} " for word in words)
