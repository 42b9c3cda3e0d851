"""The commands to try next, once the hub runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contract.names import Names

CHARGER, WIDGET = "c1234", "wABCD"
OTHER_CHARGER, OTHER_WIDGET = "c5678", "wEFGH"
SEEDED = (f"{CHARGER}:{WIDGET}", f"{OTHER_CHARGER}:{OTHER_WIDGET}")
"""The pairs that are registered at the start, for trying by hand."""


@dataclass(frozen=True, slots=True)
class Commands:
    """How the programs are called, in containers or as processes.

    Attributes:
        redis: starts redis-cli on the hub's Redis.
        logs: shows what the services log.
        registry: the root of the registry's REST interface.
        setup: what a terminal must run before; empty if nothing.
    """

    simulator: str
    cli: str
    redis: str
    logs: str
    registry: str
    setup: str = ""


def describe_access(environment: Mapping[str, str]) -> str:
    """One line on who has access: by default everyone, which the user should know."""
    devices = environment.get("CHARGELIGHT_DEVICE_AUTH", "off")
    operators = environment.get("CHARGELIGHT_REGISTRY_OPERATOR_AUTH", "off")
    if devices == operators == "off":
        return (
            "OPEN: any device may connect without a secret, and anyone may change everything "
            "without a key (CHARGELIGHT_DEVICE_AUTH, CHARGELIGHT_REGISTRY_OPERATOR_AUTH)."
        )
    return f"Secrets of devices: {devices}. API keys of operators: {operators}."


def instructions(commands: Commands, partitions: int, environment: Mapping[str, str]) -> str:
    """The text to print; every line works when it is pasted into a shell."""
    names = Names(partitions)
    registry = commands.registry
    charger, widget = names.of_charger(CHARGER), names.of_widget(WIDGET)
    setup = (("The ports are not the usual ones; say so first", None), (commands.setup, ""))
    rows = (
        *(setup if commands.setup else ()),
        ("Send a level by hand, and see the light", None),
        (f"{commands.simulator} widget {WIDGET}", "its LED"),
        (f"{commands.simulator} charger {CHARGER} 70", "red; 85 is yellow, 100 is green"),
        ("Many at once, each light judged", None),
        (f"{commands.simulator} fleet --pairs 200", ""),
        ("Operate it", None),
        (f"{commands.cli} explain {CHARGER}", "why is its light as it is?"),
        (f"{commands.cli} state", "all chargers, right now"),
        (f"{commands.cli} --help", "devices, pairings, rentals, imports"),
        (f"curl {registry}/pairings/{CHARGER}", f"REST; documented at {registry}/docs"),
        ("Look inside", None),
        (f"{commands.redis} PSUBSCRIBE 'chargelight:*'", "every message"),
        (f"{commands.redis} HGETALL '{charger.directory}'", "all pairs"),
        (f"{commands.redis} HGETALL '{charger.live}'", "newest readings"),
        (f"{commands.redis} HGETALL '{widget.statuses}'", "lights"),
        (commands.logs, "the services' logs"),
    )
    lines = [
        "",
        describe_access(environment),
        "",
        "In another terminal, in this folder (nothing to activate):",
    ]
    for command, note in rows:
        if note is None:
            lines += ["", f"  {command}:"]
        else:
            lines.append(f"    {command}" + (f"   # {note}" if note else ""))
    return "\n".join([*lines, "", "Ctrl-C here ends everything.", ""])
