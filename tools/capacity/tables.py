"""The tables of ``docs/capacity.md``."""

from collections.abc import Iterable, Iterator, Sequence

from tools.capacity import wire
from tools.capacity.coefficients import Coefficients
from tools.capacity.model import Load, Needs, gateway_commands, needs, needs_of_any, redis_work
from tools.capacity.placement import busiest

MILLION = 500_000
"""Of each kind."""
LOADS = {
    "every 10 s": Load(MILLION, MILLION, 10),
    "every 30 s": Load(MILLION, MILLION, 30),
    "every 10 s, bursts of 3": Load(MILLION, MILLION, 10, burst=3),
    "every 1 s": Load(MILLION, MILLION, 1),
}
PARTITIONS = (64, 256, 1024)
PRICED = (1_000, 20_000, 1_000_000)
"""Of all kinds together."""
CHECKED = (1_000, 10_000, 50_000)
"""Connections at which the model is compared with measurements."""


def tables(c: Coefficients) -> str:
    """Return all of them, as Markdown."""
    parts = (
        _million(c),
        _costs(c),
        _shares(c),
        _busiest(c),
        _replicas(c),
        _tls(c),
        _bytes(c),
        _checked(c),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _million(c: Coefficients) -> Iterator[str]:
    found = [needs_of_any(load, c) for load in LOADS.values()]
    yield from _head("One million devices, a reading", LOADS)
    yield _row("readings per second", (f"{load.readings:,.0f}" for load in LOADS.values()))
    yield _row("gateways (processes)", (n.gateways for n in found))
    yield _row("their CPU, cores", (f"{n.gateway_cores:.1f}" for n in found))
    yield _row("memory of each, MB", (f"{n.gateway_mb:.0f}" for n in found))
    yield _row(
        "and of its sockets in the kernel, MB", (f"{n.gateway_kernel_mb:.0f}" for n in found)
    )
    yield _row("routers", (n.routers for n in found))
    yield _row("`CHARGELIGHT_PARTITIONS`", (n.partitions for n in found))
    yield _row("Redis primaries (each with a replica)", (n.redis_nodes for n in found))
    yield _row("their CPU, cores", (f"{n.redis_cores:.1f}" for n in found))
    yield _row("of the busiest", (f"{n.redis_busiest:.2f}" for n in found))
    yield _row("their memory, GB", (f"{n.redis_gb:.1f}" for n in found))
    yield _row("Mbit/s to and from devices", (f"{n.devices_mbit:,.0f}" for n in found))
    yield _row("Mbit/s to and from Redis", (f"{n.redis_mbit:,.0f}" for n in found))
    yield _row("a full projection, s", (f"{n.projection_seconds:.0f}" for n in found))
    yield _row("Redis' CPU meanwhile, cores", (f"{n.projection_cores:.2f}" for n in found))
    yield _row("a registry's memory for it, MB", (f"{n.registry_mb:.0f}" for n in found))
    yield _row(f"machines of {c.prices.machine_cores} cores", (n.machines for n in found))
    for name in found[0].dollars:
        yield _row(f"{name}, $ a month", (f"{n.dollars[name]:,.0f}" for n in found))
    yield _row("**together, $ a month**", (f"**{sum(n.dollars.values()):,.0f}**" for n in found))


def _costs(c: Coefficients) -> Iterator[str]:
    found = [needs_of_any(Load(devices // 2, devices // 2, 10), c) for devices in PRICED]
    yield from _head("Devices, a reading every 10 s", (f"{devices:,}" for devices in PRICED))
    yield _row("gateways, routers, registries", (_processes(n, c) for n in found))
    yield _row(f"on machines of {c.prices.machine_cores} cores", (n.machines for n in found))
    yield _row("primaries of Redis", (n.redis_nodes for n in found))
    yield _row("full projection, s", (f"{n.projection_seconds:.1f}" for n in found))
    for name in found[0].dollars:
        yield _row(f"{name}, $", (f"{n.dollars[name]:,.0f}" for n in found))
    sums = [sum(n.dollars.values()) for n in found]
    yield _row("**$ a month**", (f"**{dollars:,.0f}**" for dollars in sums))
    each = (dollars / devices for dollars, devices in zip(sums, PRICED, strict=True))
    yield _row("$ a month for a device", (f"{dollars:.3f}" for dollars in each))


def _processes(n: Needs, c: Coefficients) -> str:
    # Two at least, so that one may fail.
    least = c.limits.least_machines
    return f"{max(n.gateways, least)}, {max(n.routers, least)}, {c.limits.registries}"


def _shares(c: Coefficients) -> Iterator[str]:
    found = [needs_of_any(load, c) for load in LOADS.values()]
    yield from _head("CPU of Redis, cores, for", LOADS)
    for name in filter(lambda name: found[0].redis_by[name], found[0].redis_by):
        yield _row(name, (f"{n.redis_by[name]:.2f}" for n in found))


def _busiest(c: Coefficients) -> Iterator[str]:
    load, each = LOADS["every 10 s"], [c.with_partitions(number) for number in PARTITIONS]
    yield from _head(
        "A million devices, a reading every 10 s", (f"{n:,} partitions" for n in PARTITIONS)
    )
    yield _row("primaries that it takes", (needs(load, one).redis_nodes for one in each))
    for nodes in (10, 20, 64):
        spread = []
        for one in each:
            works = redis_work(load, one, 79, 2, nodes)
            total = sum(work.total(nodes) for work in works.values())
            most = busiest(works.values(), one.limits.partitions, nodes)
            spread.append(f"{most:.2f} cores, {most * nodes / total:.2f} times the mean")
        yield _row(f"the busiest of {nodes}", spread)


def _replicas(c: Coefficients) -> Iterator[str]:
    kinds = {
        "not counted": c,
        "counted": c.with_replicas(),
        "and waited for": c.with_replicas(waits=True),
    }
    found = [needs_of_any(LOADS["every 10 s"], each) for each in kinds.values()]
    yield from _head("One million devices, a reading every 10 s; replicas", kinds)
    yield _row("gateways' CPU, cores", (f"{n.gateway_cores:.1f}" for n in found))
    yield _row("Redis primaries, and as many replicas", (n.redis_nodes for n in found))
    yield _row("CPU of the primaries, cores", (f"{n.redis_cores:.1f}" for n in found))
    for name in ("feeding replicas", "waiting for replicas"):
        yield _row(f"of it {name}", (f"{n.redis_by[name]:.2f}" for n in found))
    yield _row("Redis, $ a month", (f"{n.dollars['Redis, with replicas']:,.0f}" for n in found))
    yield _row("together, $ a month", (f"{sum(n.dollars.values()):,.0f}" for n in found))


def _tls(c: Coefficients) -> Iterator[str]:
    kinds = {
        "`ws`": c,
        "`wss`": c.with_tls("wss"),
        "and certificates": c.with_tls("certificates"),
        "`wss` at the balancer": c.with_tls_at_balancer(),
    }
    found = [needs_of_any(LOADS["every 10 s"], each) for each in kinds.values()]
    yield from _head("One million devices, a reading every 10 s", kinds)
    yield _row("gateways (processes)", (n.gateways for n in found))
    yield _row("their CPU, cores", (f"{n.gateway_cores:.1f}" for n in found))
    yield _row("memory of each, MB", (f"{n.gateway_mb:.0f}" for n in found))
    yield _row("Mbit/s to and from devices", (f"{n.devices_mbit:,.0f}" for n in found))
    yield _row(
        "new connections a second for a gateway's core",
        (f"{1e6 / each.gateway.handshake_us:,.0f}" for each in kinds.values()),
    )
    yield _row("load balancer, $ a month", (f"{n.dollars['load balancer']:,.0f}" for n in found))
    yield _row("together, $ a month", (f"{sum(n.dollars.values()):,.0f}" for n in found))


def _bytes(c: Coefficients) -> Iterator[str]:
    w = wire.measure(c.network.header_bytes)
    yield "| Bytes, TCP/IP headers included | |"
    yield "|---|---|"
    yield f"| a reading, with its TCP acknowledgement | {w.reading} |"
    yield f"| a status | {w.status} |"
    yield f"| a ping and its pong | {w.ping} |"
    yield f"| a reading on its way through Redis, all five messages, sent singly | {w.stored:,} |"
    yield f"| comparing a charger with what is stored | {w.reconciled} |"


def _checked(c: Coefficients) -> Iterator[str]:
    yield ("| Devices | What | Predicted | Measured |\n|---|---|---|---|")
    for devices in CHECKED:
        load = Load(devices // 2, devices // 2, 10)
        idle = Load(devices // 2, devices // 2, 1e12)
        found = needs(load, c)
        redis = needs(idle, c).redis_cores
        rows = {
            "gateways": str(found.gateways),
            "memory of all gateways, MB": f"{found.gateway_mb * found.gateways:.0f}",
            "CPU of all gateways, no readings": _percent(needs(idle, c).gateway_cores),
            "CPU of all gateways, a reading every 10 s": _percent(found.gateway_cores),
            "CPU of the router": _percent(found.router_cores),
            "CPU of Redis, no readings": _percent(redis),
            "CPU of Redis, a reading every 10 s": _percent(found.redis_cores),
            "commands per second of an idle gateway": f"{gateway_commands(c):.0f}",
        }
        for what, predicted in rows.items():
            yield f"| {devices:,} | {what} | {predicted} | |"


def _percent(cores: float) -> str:
    return f"{100 * cores:.1f} % of a core"


def _row(name: str, values: Iterable[object]) -> str:
    return f"| {name} | " + " | ".join(str(value) for value in values) + " |"


def _head(first: str, columns: Iterable[str]) -> Sequence[str]:
    columns = tuple(columns)
    return (_row(first, columns), "|---" * (len(columns) + 1) + "|")
