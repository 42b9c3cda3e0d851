"""The hub without a container engine: every part is a process of this machine.

One Redis, one Postgres, a registry, two routers, two gateways that share their ports, and a canary.
"""

import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict

from tools.local.access import CLIENT_SETTINGS, complete_access, first_keys
from tools.local.address import (
    certificate_names,
    check_is_here,
    console_url,
    device_urls,
    host_here,
    is_tls,
    settings_at,
)
from tools.local.certificates import certificates
from tools.local.errors import LocalHubError
from tools.local.instructions import SEEDED, Commands, instructions
from tools.local.ports import ALL_ADDRESSES, HubPorts, port_of
from tools.local.service import Service
from tools.local.stopping import StoppedError, ignore_signals
from tools.local.terminal import write_settings
from tools.servers.ports import free_port, is_free
from tools.servers.postgres.open import open_postgres
from tools.servers.postgres.psql import psql, without_password
from tools.servers.processes.supervised_process import SupervisedProcess
from tools.servers.redis.open import open_redis
from tools.servers.redis.redis_cli import redis_cli
from tools.servers.server_options import POSTGRES_SETTING, REDIS_SETTING, ServerOptions
from tools.servers.server_source import Choice, ServerSource, unavailable
from tools.servers.wheels import NoServerError

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".cache" / "logs"
TERMINAL = ROOT / ".cache" / "hub.env"
CHECK_SECONDS = 0.2
SHUTDOWN_SECONDS = 10.0
DEMO_PAIRS = 8
_NAMES = ("localhost", "127.0.0.1", "::1")
"""By which this machine's own programs reach the hub."""
USUAL_HEALTH_PORTS = {"registry": 3103, "router": 3102, "gateway": 3101, "canary": 3104}
"""Of the first of each kind; that of the second is greater by 10."""


def run(choice: Choice, address: str, *, with_tls: bool = False) -> int:
    """Start all parts, show the demo until Ctrl-C, end all parts.

    Returns:
        The exit code: the demo's own, if it ends by itself.

    Raises:
        LocalHubError: something is missing on this machine, a part failed, or the address is none.
        StoppedError: after Ctrl-C; nothing is left.
    """
    given = any(os.environ.get(name) for name in (REDIS_SETTING, POSTGRES_SETTING))
    reason = "no address is given" if given else choice.reason
    options = ServerOptions(os.environ, unavailable(reason))
    ports = HubPorts.of(choice.source, os.environ)
    at_address = settings_at(address, choice.source, os.environ)
    check_is_here(address)
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
        own = {**os.environ, **at_address}
        if with_tls and not is_tls(own):
            own |= parts.enter_context(certificates((*_NAMES, *certificate_names(address))))
        own |= complete_access(own, keeps_data=given)
        environment = _environment(own, ports, redis.url, postgres.dsn)
        services = _start_services(parts, environment)
        for service in services:
            service.wait_until_ready()
        environment |= first_keys(environment, environment["CHARGELIGHT_CLI_URL"])
        services.append(_canary(environment))
        _seed(environment)
        setup = write_settings(TERMINAL, _for_terminals(environment))
        parts.callback(TERMINAL.unlink, missing_ok=True)
        commands = _commands(ports, setup, services, environment)
        partitions = int(environment.get("CHARGELIGHT_PARTITIONS") or 64)
        print(instructions(commands, partitions, environment), flush=True)
        return _show_demo(parts, services, environment)


def _environment(
    own: Mapping[str, str], ports: HubPorts, redis_url: str, postgres_dsn: str
) -> dict[str, str]:
    """What all parts get: the addresses, and our variables, so that any setting can be tried."""
    return {
        # A drain of seconds suits a real hub; here a person waits for the prompt.
        "CHARGELIGHT_GATEWAY_DRAIN_SECONDS": "0.5",
        **own,
        REDIS_SETTING: redis_url,
        POSTGRES_SETTING: postgres_dsn,
        "CHARGELIGHT_GATEWAY_CHARGER_PORT": str(ports.chargers),
        "CHARGELIGHT_GATEWAY_WIDGET_PORT": str(ports.widgets),
        "CHARGELIGHT_GATEWAY_REUSE_PORT": "true",
        "CHARGELIGHT_REGISTRY_PORT": str(ports.registry),
        **_urls(ports, own),
    }


def _urls(ports: HubPorts, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that lead our programs to the hub."""
    secure = "s" if is_tls(environment) else ""
    gateway = f"ws{secure}://{host_here('CHARGELIGHT_GATEWAY_HOST', environment)}"
    host = host_here("CHARGELIGHT_REGISTRY_HOST", environment)
    registry = f"http{secure}://{host}:{ports.registry}"
    return {
        "CHARGELIGHT_SIMULATOR_CHARGERS_URL": f"{gateway}:{ports.chargers}",
        "CHARGELIGHT_SIMULATOR_WIDGETS_URL": f"{gateway}:{ports.widgets}",
        "CHARGELIGHT_SIMULATOR_REGISTRY_URL": registry,
        "CHARGELIGHT_CLI_URL": registry,
    }


def _start_services(parts: ExitStack, environment: Mapping[str, str]) -> list[Service]:
    """Start them all at once (their order does not matter); `parts` ends them all at once."""
    services: list[Service] = []
    parts.callback(_end_services, services)
    LOGS.mkdir(parents=True, exist_ok=True)
    services_to_start = (
        ("registry", 1),
        ("router", 1),
        ("router", 2),
        ("gateway", 1),
        ("gateway", 2),
    )
    for module, number in services_to_start:
        # One by one: those that run must be ended, whatever comes between.
        services.append(_service(module, number, environment))
    print(f"Services: {', '.join(service.name for service in services)}; their logs: {LOGS}")
    return services


def _canary(environment: Mapping[str, str]) -> Service:
    """Start the canary, which needs a key: so it comes after the others."""
    own = {
        f"CHARGELIGHT_CANARY_{name}": environment[f"CHARGELIGHT_SIMULATOR_{name}"]
        for name in ("CHARGERS_URL", "WIDGETS_URL", "REGISTRY_URL")
    }
    if thresholds := environment.get("CHARGELIGHT_ROUTER_THRESHOLDS"):
        own["CHARGELIGHT_CANARY_THRESHOLDS"] = thresholds
    return _service("canary", 1, {**environment, **own})


def _service(module: str, number: int, environment: Mapping[str, str]) -> Service:
    setting = f"CHARGELIGHT_{module.upper()}_HEALTH_PORT"
    wanted = port_of(setting, environment, USUAL_HEALTH_PORTS[module]) + 10 * (number - 1)
    health_port = wanted if is_free(wanted, ALL_ADDRESSES) else free_port()
    host = host_here(f"CHARGELIGHT_{module.upper()}_HOST", environment)
    own = {setting: str(health_port), "PYTHONUNBUFFERED": "1"}
    return Service(
        f"{module}-{number}" if module in ("gateway", "router") else module,
        module,
        environment={**environment, **own},
        ready_url=f"http://{host}:{health_port}/readyz",
        logs=LOGS,
        root=ROOT,
    )


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


def _commands(
    ports: HubPorts,
    setup: str,
    services: list[Service],
    environment: Mapping[str, str],
) -> Commands:
    return Commands(
        simulator=_program("chargelight-simulator"),
        cli=_program("chargelight"),
        redis=redis_cli(environment[REDIS_SETTING]).replace(f"{ROOT}/", ""),
        postgres=psql(environment[POSTGRES_SETTING]).replace(f"{ROOT}/", ""),
        logs=f"tail -f {_shown(LOGS)}/*.log",
        registry=environment["CHARGELIGHT_CLI_URL"],
        backup=_backup(environment),
        setup=setup,
        console=console_url(ServerSource.EMBEDDED, environment, ports.registry),
        devices=device_urls(ServerSource.EMBEDDED, environment, (ports.chargers, ports.widgets)),
        ready=_unusual(services),
    )


def _backup(environment: Mapping[str, str]) -> str:
    """The command for a backup, with addresses of our own servers: given ones may hold secrets.

    Ours have passwords too; a shell finds them where redis-cli and psql do.
    """
    redis = environment[REDIS_SETTING]
    if password := urlsplit(redis).password:
        redis = redis.replace(f":{password}@", ":$REDISCLI_AUTH@", 1)
    shown = {
        REDIS_SETTING: f'"{redis}"',
        POSTGRES_SETTING: shlex.quote(without_password(environment[POSTGRES_SETTING])),
    }
    own = [f"{name}={address}" for name, address in shown.items() if name not in os.environ]
    return " ".join([*own, _program("chargelight-registry"), "backup hub.backup"])


def _program(name: str) -> str:
    """A program as a person types it in this folder, without activating the environment."""
    return f"{_shown(Path(sys.executable).parent)}/{name}"


def _shown(path: Path) -> str:
    return shlex.quote(str(path).removeprefix(f"{ROOT}/"))


def _for_terminals(environment: Mapping[str, str]) -> dict[str, str]:
    """What leads our programs to URLs other than the usual ones, and lets them in."""
    usual = _urls(HubPorts.usual(), {})
    urls = {name: environment[name] for name, url in usual.items() if environment[name] != url}
    access = {name: environment[name] for name in CLIENT_SETTINGS if environment.get(name)}
    return urls | access | _passwords(environment)


def _passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """What redis-cli and psql get in their environment: all users see their command lines."""
    found = {
        "REDISCLI_AUTH": unquote(urlsplit(environment[REDIS_SETTING]).password or ""),
        "PGPASSWORD": str(conninfo_to_dict(environment[POSTGRES_SETTING]).get("password", "")),
    }
    return {name: text for name, text in found.items() if text}


def _unusual(services: list[Service]) -> dict[str, str]:
    """Where all services say whether they are ready, unless all have their usual ports."""
    usual = {
        f"http://127.0.0.1:{first + further}/readyz"
        for first in USUAL_HEALTH_PORTS.values()
        for further in (0, 10)
    }
    found = {service.name: service.ready_url for service in services}
    return {} if usual.issuperset(found.values()) else found
