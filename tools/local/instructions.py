"""The commands to try next, once the hub runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.contract.names import Names
from tools.local.access import TRUSTED_CA, describe_access
from tools.local.address import is_tls

CHARGER, WIDGET = "c1234", "wABCD"
OTHER_CHARGER, OTHER_WIDGET = "c5678", "wEFGH"
SEEDED = (f"{CHARGER}:{WIDGET}", f"{OTHER_CHARGER}:{OTHER_WIDGET}")
"""The pairs that are registered at the start, for trying by hand."""


@dataclass(frozen=True, slots=True)
class Commands:
    """How the programs are called, in containers or as processes.

    Attributes:
        redis: starts redis-cli on the hub's Redis.
        postgres: starts psql on its database; empty if it is not said.
        logs: shows what the services log.
        registry: the root of the registry's REST interface.
        console: where a browser opens the operator's console.
        backup: writes a backup to a file, and finds the hub's Postgres.
        setup: what a terminal must run before; empty if nothing.
        devices: where chargers and widgets of others connect; empty if none can.
        ready: where each service says whether it is ready, if not at the usual ports.
    """

    simulator: str
    cli: str
    redis: str
    logs: str
    registry: str
    console: str
    backup: str
    setup: str = ""
    postgres: str = ""
    devices: tuple[str, ...] = ()
    ready: Mapping[str, str] = field(default_factory=dict)


def instructions(commands: Commands, partitions: int, environment: Mapping[str, str]) -> str:
    """The text to print; every line works when it is pasted into a shell."""
    names = Names(partitions)
    registry = commands.registry
    key, trusted = "", ""
    if environment.get("CHARGELIGHT_CLI_KEY"):
        key = '-H "Authorization: Bearer $CHARGELIGHT_CLI_KEY" '
    if is_tls(environment) and environment.get(TRUSTED_CA):
        # Where CURL_CA_BUNDLE is set, curl does not look at SSL_CERT_FILE.
        trusted = f'--cacert "${TRUSTED_CA}" '
    charger, widget = names.of_charger(CHARGER), names.of_widget(WIDGET)
    setup = (("First, in each terminal", None), (commands.setup, "its ports, keys and secrets"))
    rows = (
        *(setup if commands.setup else ()),
        ("Send a level by hand, and see the light", None),
        (f"{commands.simulator} widget {WIDGET}", "its LED"),
        (f"{commands.simulator} charger {CHARGER} 70", "red; 85 is yellow, 100 is green"),
        ("Many at once, each light judged", None),
        (f"{commands.simulator} fleet --pairs 200", ""),
        ("Operate it", None),
        (f"{commands.cli} explain {CHARGER}", "why is its light as it is?"),
        (f"{commands.cli} hub --watch", "what runs, what waits, what happened"),
        (f"{commands.cli} state", "all chargers, right now"),
        (f"{commands.cli} --help", "devices, pairings, rentals, imports"),
        (
            f"curl {trusted}{key}{registry}/pairings/{CHARGER}",
            f"REST; documented at {registry}/docs",
        ),
        (commands.backup, "all that must last; `restore --replace` puts it back"),
        ("Look inside", None),
        (f"{commands.redis} PSUBSCRIBE 'chargelight:*'", "every message"),
        (f"{commands.redis} HGETALL '{charger.directory}'", "all pairs"),
        (f"{commands.redis} HGETALL '{charger.live}'", "newest readings"),
        (f"{commands.redis} HGETALL '{widget.statuses}'", "lights"),
        *(((commands.postgres, "tables and history"),) if commands.postgres else ()),
        (commands.logs, "the services' logs"),
        *((f"curl {url}", f"is {name} ready?") for name, url in commands.ready.items()),
    )
    lines = _beginning(commands, environment)
    for command, note in rows:
        if note is None:
            lines += ["", f"  {command}:"]
        else:
            lines.append(f"    {command}" + (f"   # {note}" if note else ""))
    return "\n".join([*lines, "", "Ctrl-C here ends everything.", ""])


def _beginning(commands: Commands, environment: Mapping[str, str]) -> list[str]:
    lines = [
        "",
        describe_access(environment),
        "",
        f"The operator's console, in a browser: {commands.console}",
    ]
    if environment.get("CHARGELIGHT_CLI_KEY"):
        setup = f"{commands.setup}; " if commands.setup else ""
        lines.append(
            f'Sign in with the API key that this prints: {setup}echo "$CHARGELIGHT_CLI_KEY"'
        )
    if commands.devices:
        lines += _how_devices_connect(commands, environment)
    return [*lines, "", "In another terminal, in this folder (nothing to activate):"]


def _how_devices_connect(commands: Commands, environment: Mapping[str, str]) -> tuple[str, ...]:
    chargers, widgets = commands.devices
    ca = environment.get(TRUSTED_CA) if is_tls(environment) else None
    return (
        "",
        f"Devices connect to {chargers}/chargers/{CHARGER} and {widgets}/widgets/{WIDGET}.",
        *((f"They trust the hub by the CA's certificate: {ca}",) if ca else ()),
        "Where secrets are required, they send this header in the handshake:",
        "  Authorization: Bearer SECRET",
        f"Each has a SECRET of its own: {commands.cli} chargers secret generate {CHARGER}",
    )
