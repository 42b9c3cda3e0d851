"""What a hub needs: a function of its coefficients and its load.

Each need is the sum of rates times costs; the number of processes is that sum divided by what one
of them may do. The rates follow from the code; a note beside each says how.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from tools.capacity import wire
from tools.capacity.coefficients import Coefficients, Cost
from tools.capacity.placement import Work, busiest, fullest

_SECONDS_PER_HOUR = 3600
_US = 1e-6
_GIGA = 1e9
_CLEAR_SECONDS = 0.1
_CLEARED_PER_EXCHANGE = 200
_RECONCILE_CALL_ITEMS = 500
_RECONCILE_ROUNDS = 20
_LOOKS_PER_SECOND = 2.0
"""Directory versions, sweeps, echoes, and subscribers' pings: each every half second."""
_LEASE_SECONDS = 0.45
"""Leases are renewed every 0.5 s, less 0 to 20 %."""
_PRESENCE_SECONDS = 1.8
_COLLECT_SECONDS = 0.01
_PAUSE_SECONDS = 0.2
"""Between WAITs of a gateway: the first of them for each server, the second at most."""
_STREAMS_PER_SECOND = 2.0
"""How often a registry reads the streams of transitions of all tags."""

_PARTITIONS = {64: 1, 256: 20, 1024: 500}
"""Numbers of partitions, and for how many primaries each suits: with more primaries, the busiest
has too much more to do than the others."""


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a hub.

    Attributes:
        chargers: How many are connected.
        widgets: How many are connected; each is paired with a charger.
        reading_interval: Seconds between two readings of a charger.
        burst: How many times as many readings per second it must handle for a while.
        reconnects_per_hour: How often a device reconnects.
    """

    chargers: int
    widgets: int
    reading_interval: float
    burst: float = 1.0
    reconnects_per_hour: float = 1.0

    @property
    def devices(self) -> int:
        """Chargers and widgets together."""
        return self.chargers + self.widgets

    @property
    def readings(self) -> float:
        """Per second, in a burst."""
        return self.burst * self.chargers / self.reading_interval

    @property
    def statuses(self) -> float:
        """Per second: each reading leads to one, if its charger has a widget."""
        paired = min(self.chargers, self.widgets) / self.chargers if self.chargers else 0.0
        return self.readings * paired

    @property
    def connects(self) -> float:
        """Per second."""
        return self.devices * self.reconnects_per_hour / _SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Needs:
    """What such a hub needs. Cores are those busy in all processes of a kind together.

    Attributes:
        redis_nodes: Primaries; as many replicas stand by.
        machines: For gateways, routers and registries, one core per process.
        redis_by: The cores of Redis, by purpose.
        redis_busiest: The cores of the primary that has the most to do.
        partitions: ``CHARGELIGHT_PARTITIONS``.
        projection_seconds: How long a full projection of the directory takes at most: a registry
            asks one primary after the other here.
        projection_cores: Of Redis, all primaries together, while one registry projects.
        registry_mb: Memory of a registry above an idle one's, while it projects.
        gateway_mb: Memory of one gateway process.
        gateway_kernel_mb: Memory of its sockets in the kernel.
        redis_gb: Memory of all primaries together.
        devices_mbit: Per second between devices and the load balancer, both ways.
        redis_mbit: Per second between services and Redis, both ways.
        dollars: Per month, by purpose.
    """

    gateways: int
    routers: int
    redis_nodes: int
    machines: int
    gateway_cores: float
    router_cores: float
    redis_cores: float
    redis_by: dict[str, float]
    redis_busiest: float
    partitions: int
    projection_seconds: float
    projection_cores: float
    registry_mb: float
    gateway_mb: float
    gateway_kernel_mb: float
    redis_gb: float
    devices_mbit: float
    redis_mbit: float
    dollars: dict[str, float]


def needs_of_any(load: Load, c: Coefficients) -> Needs:
    """Return what a hub needs for a load, with the least partitions that suit it."""
    for partitions, most_nodes in _PARTITIONS.items():
        try:
            return needs(load, c.with_partitions(partitions), most_nodes)
        except ValueError:
            continue
    raise ValueError("no number of partitions spreads the work of Redis far enough: two hubs")


def needs(load: Load, c: Coefficients, most_nodes: int = 1000) -> Needs:
    """Return what a hub needs for a load, with the partitions of the coefficients.

    Raises:
        ValueError: That many primaries of Redis are too few.
    """
    gateways = max(
        math.ceil(load.devices / (c.limits.connections_per_gateway * c.limits.most_full)), 1
    )
    gateways = _enough(gateways, c.limits.most_busy, lambda count: gateway_cpu(load, c, count))
    routers = _enough(1, c.limits.most_busy, lambda count: router_cpu(load, c, count))
    # More routers than partitions are idle.
    routers = min(routers, c.limits.partitions)
    gateway_cores = gateway_cpu(load, c, gateways)
    router_cores = router_cpu(load, c, routers)
    redis_gb = load.devices * c.redis.device_kb / 1e6
    nodes = _nodes(load, c, gateways, routers, most_nodes)
    works = redis_work(load, c, gateways, routers, nodes)
    redis_by = {purpose: work.total(nodes) for purpose, work in works.items()}
    processes = gateways + routers + c.limits.registries
    machines = max(math.ceil(processes / c.prices.machine_cores), c.limits.least_machines)
    projection = projected(load, c, c.registry.projection_time)
    each = load.devices / gateways
    busy = traffic(load, c)
    return Needs(
        gateways=gateways,
        routers=routers,
        redis_nodes=nodes,
        machines=machines,
        gateway_cores=gateway_cores,
        router_cores=router_cores,
        redis_cores=sum(redis_by.values()),
        redis_by=redis_by,
        redis_busiest=busiest(works.values(), c.limits.partitions, nodes),
        partitions=c.limits.partitions,
        projection_seconds=projection,
        projection_cores=projected(load, c, c.redis.project) / projection if projection else 0.0,
        registry_mb=load.devices * c.registry.device_kb / 1000,
        gateway_mb=c.gateway.process_mb + each * c.gateway.connection_kb / 1000,
        gateway_kernel_mb=each * c.gateway.socket_kb / 1000,
        redis_gb=redis_gb,
        devices_mbit=8 * busy.devices / 1e6,
        redis_mbit=8 * busy.redis / 1e6,
        dollars=_dollars(load, c, machines, nodes),
    )


class Traffic(NamedTuple):
    """Bytes per second.

    Attributes:
        devices: Between devices and the load balancer, both ways.
        to_devices: Of these, to devices.
        redis: Between services and Redis, both ways, each reading sent by itself.
    """

    devices: float
    to_devices: float
    redis: float


def traffic(load: Load, c: Coefficients) -> Traffic:
    """Return the bytes per second of a load."""
    w = wire.measure(c.network.header_bytes, c.network.record_bytes)
    pings = load.devices / c.limits.ping_interval_s
    return Traffic(
        devices=load.readings * w.reading
        + load.statuses * w.status
        + pings * w.ping
        + load.connects * c.network.handshake_bytes,
        to_devices=load.readings * (w.reading - w.reading_up)
        + load.statuses * w.status_down
        + pings * w.ping_down,
        redis=load.readings * w.stored + reconciled_per_second(load, c) * w.reconciled,
    )


def _enough(least: int, most_busy: float, cores: Callable[[int], float]) -> int:
    """Return the least number of processes of which none is busier than it may be.

    More processes have more work in all: each reading is then more often alone in its exchange.
    """
    count = least
    while cores(count) > most_busy * count:
        count = max(count + 1, math.ceil(count * 1.01))
    return count


def items_per_exchange(rate: float, processes: int, c: Coefficients) -> float:
    """Return how many items a process has in one exchange, at least one.

    As many as arrive during the exchange before.
    """
    return max(rate / processes * c.redis.exchange_ms / 1000, 1.0)


def waits_per_second(load: Load, gateways: int, nodes: int = 1) -> float:
    """Return the WAITs of all gateways together (``Replication``)."""
    most = max(1 / _COLLECT_SECONDS, nodes / _PAUSE_SECONDS)
    return gateways * min(load.readings / gateways, most)


def gateway_cpu(load: Load, c: Coefficients, gateways: int) -> float:
    """Return how many cores all gateways are busy on together."""
    stored, shown = (
        items_per_exchange(rate, gateways, c) for rate in (load.readings, load.statuses)
    )
    return gateways * c.gateway.process_cores + _US * (
        load.readings * (c.gateway.reading_us + c.gateway.exchange_us / stored)
        + load.statuses * (c.gateway.status_us + c.gateway.wake_us / shown)
        + waits_per_second(load, gateways) * c.gateway.wait_us
        + load.devices / c.limits.ping_interval_s * c.gateway.ping_us
        + reconciled_per_second(load, c) * c.gateway.reconcile_us
        + load.connects * (c.gateway.handshake_us + c.gateway.disconnect_us)
    )


def router_cpu(load: Load, c: Coefficients, routers: int) -> float:
    """Return how many cores all routers are busy on together."""
    routed = items_per_exchange(load.readings, routers, c)
    # Clearing pending readings is an exchange too, but of many.
    exchanges = load.readings * (1 / routed + 1 / _cleared_per_exchange(load, routers))
    return routers * c.router.process_cores + _US * (
        load.readings * c.router.reading_us + exchanges * c.router.exchange_us
    )


def _cleared_per_exchange(load: Load, routers: int) -> float:
    """Return how many readings are cleared in one exchange: it waits until there are more."""
    return min(max(load.readings / routers * _CLEAR_SECONDS, 1.0), _CLEARED_PER_EXCHANGE)


def reconciled_per_second(load: Load, c: Coefficients) -> float:
    """Return how many chargers are compared with Redis per second (``Chargers.reconcile``)."""
    return load.chargers / c.limits.reconcile_interval_s


def projected(load: Load, c: Coefficients, cost: Cost) -> float:
    """Return the seconds that this cost comes to in one full projection (``Projection``).

    Of each device, its credentials are written, then its entry: so many rows at a time, one call
    for each partition that has some of them.
    """
    return batched(2.0 * load.devices, c.limits.items_per_projection, c.limits.partitions, cost)


def redis_work(
    load: Load, c: Coefficients, gateways: int, routers: int, nodes: int = 1
) -> dict[str, Work]:
    """Return the work of Redis, by purpose, and where in a cluster it is."""
    r, partitions = c.redis, c.limits.partitions
    stored = items_per_exchange(load.readings, gateways, c)
    routed = items_per_exchange(load.readings, routers, c)
    cleared = _cleared_per_exchange(load, routers)

    def exchanges(items: float) -> float:
        # Each primary that has one of the items gets a batch of its own.
        return load.readings * r.exchange_us * _US * partitions_touched(items, nodes) / items

    reconciled = reconciled_per_second(load, c)
    # Each gateway compares 3 or 4 partitions every 0.1 s, with all its chargers in them.
    per_partition = max(load.chargers / gateways / partitions, 1e-9)
    reconcile_calls = (
        gateways
        * min(partitions, load.chargers / gateways)
        * math.ceil(per_partition / _RECONCILE_CALL_ITEMS)
        / c.limits.reconcile_interval_s
    )
    # Half are chargers, half widgets. Each pays a whole call: they come singly.
    come = load.connects / 2
    present = 2 * r.update_presence.of(1, 1)
    projections = c.limits.registries / c.limits.full_projection_s * projected(load, c, r.project)
    return {
        "idle servers": Work(each=r.process_cores),
        "storing readings": Work(chargers=batched(load.readings, stored, partitions, r.store)),
        "writing statuses": Work(
            chargers=batched(load.readings, cleared, partitions, r.clear_pending),
            widgets=batched(load.readings, routed, partitions, r.light),
        ),
        "taking batches of readings": Work(
            chargers=exchanges(stored) + exchanges(cleared), widgets=exchanges(routed)
        ),
        # About half of what a reading writes is on the widget's tag.
        "feeding replicas": Work(*[load.readings * r.feed_us / 2 * _US] * 2),
        "waiting for replicas": Work(waits_per_second(load, gateways, nodes) * r.wait_us * _US),
        "comparing chargers with Redis": Work(r.reconcile.of(reconciled, reconcile_calls)),
        "passing messages on": Work(
            load.readings * r.delivery_us * _US, load.statuses * r.delivery_us * _US
        ),
        "devices that come and go": Work(
            come * (r.admit.of(1, 1) + r.store.of(1, 1) + present),
            come * (r.read_status.of(1, 1) + 2 * r.subscription_us * _US + present),
        ),
        "projecting the directory": Work(projections / 2, projections / 2),
        "idle gateways": _idle_gateways(c, gateways, nodes),
        "idle routers": _idle_routers(c, routers),
    }


def gateway_commands(c: Coefficients) -> float:
    """Return the commands per second that a gateway sends, whatever its devices do.

    Twice a second ROLE and the directory versions of all tags of both kinds, a message to
    itself (published, and heard) and a ping; and that it is alive. In a cluster, all but the
    versions and that it is alive go to each primary.
    """
    return _LOOKS_PER_SECOND * (1 + 2 * c.limits.partitions + 3) + 1 / _PRESENCE_SECONDS


def _idle_gateways(c: Coefficients, gateways: int, nodes: int) -> Work:
    """Return what gateways have Redis do, whatever their devices do.

    Their commands, in exchanges: versions, message to itself, ping, each twice a second and with
    each primary; that it is alive; and the rounds of reconciling, `_RECONCILE_ROUNDS` per
    interval.
    """
    us, partitions = gateways * _US, c.limits.partitions
    versions = us * _LOOKS_PER_SECOND * partitions * c.redis.command_us
    rounds = _RECONCILE_ROUNDS / c.limits.reconcile_interval_s
    rounds *= partitions_touched(partitions / _RECONCILE_ROUNDS, nodes)
    alive = (c.redis.command_us + c.redis.exchange_us) / _PRESENCE_SECONDS / nodes
    return Work(
        chargers=versions + us * rounds * c.redis.exchange_us,
        widgets=versions,
        each=us * (_LOOKS_PER_SECOND * (4 * c.redis.command_us + 3 * c.redis.exchange_us) + alive),
    )


def _idle_routers(c: Coefficients, routers: int) -> Work:
    """Return what routers have Redis do without any readings.

    A lease and a sweep per partition, however many routers share them; and per router and
    primary a message to itself, a ping, that it is alive, and leases. A registry reads the
    streams of transitions.
    """
    partitions, exchange = c.limits.partitions, routers * c.redis.exchange_us
    return Work(
        chargers=_US
        * partitions
        * (c.redis.lease_us / _LEASE_SECONDS + c.redis.find_overdue_us * _LOOKS_PER_SECOND),
        widgets=_US * partitions * c.redis.command_us * _STREAMS_PER_SECOND,
        each=_US * exchange * (3 * _LOOKS_PER_SECOND + 2 / _LEASE_SECONDS),
    )


def batched(rate: float, per_exchange: float, partitions: int, cost: Cost) -> float:
    """Return the cores used by items sent in batches, one call per partition.

    Args:
        rate: Items per second, of all senders.
        per_exchange: Items in one exchange.
        partitions: How many the items are spread over, evenly.
        cost: The script's.
    """
    items = max(per_exchange, 1.0)
    return cost.of(rate, rate * partitions_touched(items, partitions) / items)


def partitions_touched(items: float, partitions: int) -> float:
    """Return how many different partitions these items are in, on average."""
    return partitions * (1 - (1 - 1 / partitions) ** items) if partitions > 1 else 1.0


def _nodes(load: Load, c: Coefficients, gateways: int, routers: int, most: int) -> int:
    """Return the least number of primaries of which none is too busy or too full."""
    partitions, gigabytes = c.limits.partitions, load.devices * c.redis.device_kb / 1e6
    for nodes in range(1, min(2 * partitions, most + 1)):
        works = redis_work(load, c, gateways, routers, nodes).values()
        is_calm = busiest(works, partitions, nodes) <= c.redis.most_busy
        if is_calm and gigabytes * fullest(partitions, nodes) <= c.prices.redis_gb:
            return nodes
    raise ValueError(
        f"the work of Redis cannot be spread over {2 * partitions} tags: "
        "raise CHARGELIGHT_PARTITIONS"
    )


def _dollars(load: Load, c: Coefficients, machines: int, nodes: int) -> dict[str, float]:
    p = c.prices
    # Traffic is paid for a whole month, not for a burst.
    usual = traffic(replace(load, burst=1.0), c)
    gigabytes = p.hours_per_month * _SECONDS_PER_HOUR / _GIGA
    units = max(
        load.connects / p.balancer_unit_new_per_second,
        load.devices / p.balancer_unit_active,
        usual.devices * _SECONDS_PER_HOUR / _GIGA / p.balancer_unit_gb_per_hour,
    )
    return {
        "machines": machines * p.machine_hour * p.hours_per_month,
        "Redis, with replicas": 2 * nodes * p.redis_hour * p.hours_per_month,
        "Postgres": p.postgres_hour * p.hours_per_month,
        "load balancer": (p.balancer_hour + units * p.balancer_unit_hour) * p.hours_per_month,
        "traffic to devices": usual.to_devices * gigabytes * p.internet_gb,
        "traffic between zones": usual.redis * gigabytes * p.zone_share * p.zone_gb,
    }
