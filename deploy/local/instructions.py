"""What a person can type next, once the hub runs."""

from dataclasses import dataclass

from shared.names import Names

CHARGER, WIDGET = "c1234", "wABCD"
OTHER_CHARGER, OTHER_WIDGET = "c5678", "wEFGH"
SEEDED = (f"{CHARGER}:{WIDGET}", f"{OTHER_CHARGER}:{OTHER_WIDGET}")
"""The pairs that both ways register at the start, for playing by hand."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The commands of one way.

    Attributes:
        simulator: starts the simulator.
        redis: starts redis-cli on the hub's Redis.
        logs: shows what the services log.
        registry: the root of the registry's REST interface.
    """

    simulator: str
    redis: str
    logs: str
    registry: str


def what_to_type(tools: Tools, partitions: int) -> str:
    """The text to print: every line works when it is pasted."""
    names = Names(partitions)
    charger, widget = names.of_charger(CHARGER), names.of_widget(WIDGET)
    rows = (
        ("Send a level by hand, and see the light", None),
        (f"{tools.simulator} widget {WIDGET}", "its LED"),
        (f"{tools.simulator} charger {CHARGER} 70", "red; 85 is yellow, 100 is green"),
        ("Many at once, each light judged", None),
        (f"{tools.simulator} fleet --pairs 200", ""),
        ("What goes on inside", None),
        (f"{tools.redis} PSUBSCRIBE 'chargelight:*'", "every message"),
        (f"{tools.redis} HGETALL '{charger.directory}'", "who is paired with whom"),
        (f"{tools.redis} HGETALL '{charger.live}'", "newest readings"),
        (f"{tools.redis} HGETALL '{widget.statuses}'", "lights"),
        (f"curl {tools.registry}/pairings/{CHARGER}", "the registry's REST interface"),
        (tools.logs, "the services' logs"),
    )
    lines = ["", "In another terminal, in this folder:"]
    for command, note in rows:
        if note is None:
            lines += ["", f"  {command}:"]
        else:
            lines.append(f"    {command}" + (f"   # {note}" if note else ""))
    return "\n".join([*lines, "", "Ctrl-C here ends everything.", ""])
