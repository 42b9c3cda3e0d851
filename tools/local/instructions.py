"""What a person can type next, once the hub runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contract.names import Names

CHARGER, WIDGET = "c1234", "wABCD"
OTHER_CHARGER, OTHER_WIDGET = "c5678", "wEFGH"
SEEDED = (f"{CHARGER}:{WIDGET}", f"{OTHER_CHARGER}:{OTHER_WIDGET}")
"""The pairs that both ways register at the start, for playing by hand."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The commands of one way.

    Attributes:
        simulator: starts the simulator.
        cli: starts the operator's command line.
        redis: starts redis-cli on the hub's Redis.
        logs: shows what the services log.
        registry: the root of the registry's REST interface.
    """

    simulator: str
    cli: str
    redis: str
    logs: str
    registry: str


def who_may(environment: Mapping[str, str]) -> str:
    """One line on who is let in: by default everybody, which somebody should know."""
    devices = environment.get("CHARGELIGHT_DEVICE_AUTH", "off")
    operators = environment.get("CHARGELIGHT_REGISTRY_OPERATOR_AUTH", "off")
    if devices == operators == "off":
        return (
            "OPEN: any device may connect without a secret, and anybody may change everything "
            "without a key (CHARGELIGHT_DEVICE_AUTH, CHARGELIGHT_REGISTRY_OPERATOR_AUTH)."
        )
    return f"Secrets of devices: {devices}. API keys of operators: {operators}."


def what_to_type(tools: Tools, partitions: int, environment: Mapping[str, str]) -> str:
    """The text to print: every line works when it is pasted."""
    names = Names(partitions)
    charger, widget = names.of_charger(CHARGER), names.of_widget(WIDGET)
    rows = (
        ("Send a level by hand, and see the light", None),
        (f"{tools.simulator} widget {WIDGET}", "its LED"),
        (f"{tools.simulator} charger {CHARGER} 70", "red; 85 is yellow, 100 is green"),
        ("Many at once, each light judged", None),
        (f"{tools.simulator} fleet --pairs 200", ""),
        ("Operate it", None),
        (f"{tools.cli} explain {CHARGER}", "why is its light as it is?"),
        (f"{tools.cli} state", "all chargers, right now"),
        (f"{tools.cli} --help", "devices, pairings, rentals, imports"),
        (f"curl {tools.registry}/pairings/{CHARGER}", f"REST; documented at {tools.registry}/docs"),
        ("What goes on inside", None),
        (f"{tools.redis} PSUBSCRIBE 'chargelight:*'", "every message"),
        (f"{tools.redis} HGETALL '{charger.directory}'", "who is paired with whom"),
        (f"{tools.redis} HGETALL '{charger.live}'", "newest readings"),
        (f"{tools.redis} HGETALL '{widget.statuses}'", "lights"),
        (tools.logs, "the services' logs"),
    )
    lines = ["", who_may(environment), "", "In another terminal, in this folder:"]
    for command, note in rows:
        if note is None:
            lines += ["", f"  {command}:"]
        else:
            lines.append(f"    {command}" + (f"   # {note}" if note else ""))
    return "\n".join([*lines, "", "Ctrl-C here ends everything.", ""])
