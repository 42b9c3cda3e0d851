"""All faults, as a table: what each is called, and how often it is run.

What is done to a booth stands in ``rows/``, one function per fault. It returns when the fault is
over. A fault that is over at once (a process was killed) leaves the rest to the hub. What is dead
then is started again by `Booth.mend`, after the lights were judged.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.faults import stepping_clock
from tests.faults.booth import Booth
from tests.faults.rows import (
    cables,
    clocks,
    crowd,
    handovers,
    namespace,
    processes,
    promotion,
    refusals,
    repairing,
    restores,
    twins,
    values,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the matrix.

    Attributes:
        name: As it is asked for on the command line.
        title: As it stands in the matrix.
        inject: Does the harm, and returns when it is over.
        runs: How often it is run for the matrix, at least.
        alone: It takes too long, or too much, for random sequences.
        long: It is not part of the short form: only ``make faults`` runs it.
        needs_readings: Chargers that fell silent would leave nothing to see.
        unavailable_because: Returns why it cannot run on this machine, or None.
    """

    name: str
    title: str
    inject: Callable[[Booth], Awaitable[None]]
    runs: int = 10
    alone: bool = False
    long: bool = False
    needs_readings: bool = False
    unavailable_because: Callable[[], str | None] = lambda: None


_GATEWAYS: Final = (
    Fault("gateway-killed", "gateway killed", processes.kill_gateway, runs=20),
    Fault("gateway-frozen", "gateway frozen 20 s, then back", processes.freeze_gateway),
    Fault(
        "gateway-frozen-long",
        "gateway frozen 60 s, its devices elsewhere and handed over, then back",
        processes.freeze_gateway_for_long,
        long=True,
        alone=True,
    ),
    Fault(
        "gateway-cut",
        "gateway cut from Redis for 10 s, not from devices",
        cables.cut_gateway_from_redis,
    ),
    Fault(
        "packets-dropped",
        "every packet between a gateway and Redis dropped for 10 s (network namespace)",
        namespace.drop_packets,
        alone=True,
        unavailable_because=namespace.unavailable_because,
    ),
)

_ROUTERS: Final = (
    Fault("router-killed", "router killed", processes.kill_router),
    Fault(
        "router-frozen",
        "router frozen longer than its lease, back while another owns its partitions",
        processes.freeze_router,
        runs=50,
    ),
    Fault(
        "router-cut",
        "router cut from Redis for 5 s, its writes late",
        cables.cut_router_from_redis,
    ),
    Fault("routers-gone", "all routers gone for 10 s", processes.kill_routers),
)

_REDIS: Final = (
    Fault("redis-with-data", "Redis restarted with its data", processes.restart_redis_with_data),
    Fault(
        "redis-behind",
        "Redis restarted with a snapshot older than the newest devices and readings",
        processes.restart_redis_behind,
    ),
    Fault("redis-empty", "Redis restarted empty", processes.restart_redis_empty),
    Fault("redis-frozen", "Redis frozen 10 s", processes.freeze_redis),
    Fault(
        "redis-moved",
        "Redis at another address, empty",
        cables.move_redis,
        unavailable_because=promotion.unavailable_because,
    ),
    Fault(
        "overflow", "subscribers' output buffers overflowed, dropped", cables.overflow_subscribers
    ),
    Fault("connections-killed", "connections to Redis killed", cables.kill_connections),
    Fault(
        "connections-hang",
        "connections of a router, or of the registry, to Redis hang one at a time",
        cables.hang_connections,
        long=True,
        alone=True,
    ),
    Fault(
        "all-slow",
        "every service's way to Redis 400 ms long, for two minutes",
        cables.slow_all_down,
        long=True,
        alone=True,
    ),
    Fault(
        "promotion",
        "Redis replica promoted by Sentinel, last writes lost",
        promotion.promote_replica,
        unavailable_because=promotion.unavailable_because,
    ),
    Fault("refusing", "Redis refuses for 10 s", refusals.refuse, runs=2 * refusals.WAYS),
)

_CLOCKS: Final = (
    Fault(
        "clock-gateway",
        "clock of a gateway stepped",
        clocks.step_gateway,
        unavailable_because=stepping_clock.unavailable_because,
    ),
    Fault(
        "clock-back",
        "Redis' clock stepped back by a minute or an hour, re-paired after",
        clocks.step_back,
        needs_readings=True,
        unavailable_because=stepping_clock.unavailable_because,
    ),
    Fault(
        "clock-forward",
        "Redis' clock stepped forward by a minute or an hour, re-paired after",
        clocks.step_forward,
        needs_readings=True,
        unavailable_because=stepping_clock.unavailable_because,
    ),
    Fault(
        "clock-handed-over",
        "silent charger handed over after Redis' clock stepped",
        clocks.step_and_hand_over,
        unavailable_because=stepping_clock.unavailable_because,
    ),
    Fault(
        "clock-said-once",
        "Redis' clock stepped by half a second, handed over, one reading",
        clocks.step_and_say_once,
        unavailable_because=stepping_clock.unavailable_because,
    ),
    Fault(
        "promotion-behind",
        "Redis replica promoted whose clock is 30 s behind",
        promotion.promote_replica_behind,
        needs_readings=True,
        unavailable_because=clocks.no_promotion_because,
    ),
    Fault(
        "promotion-router",
        "a router and the primary die together, the replica's clock is 15 s behind",
        promotion.promote_replica_without_router,
        needs_readings=True,
        unavailable_because=clocks.no_promotion_because,
    ),
)

_VALUES: Final = (
    Fault("redis-emptied", "Redis emptied (FLUSHALL)", values.empty_redis),
    Fault("scripts-flushed", "scripts flushed ten times a second", values.flush_scripts),
    Fault(
        "statuses-deleted",
        "all statuses deleted, chargers silent, widgets reconnect",
        values.delete_statuses,
    ),
    Fault("entry-deleted", "directory entry of one device deleted", values.delete_entry),
    Fault("directory-deleted", "directory of one tag deleted", values.delete_directory),
    Fault(
        "wrong-type",
        "key of another type, each of the kinds of keys",
        values.change_type,
        runs=2 * values.WRONG_TYPES,
    ),
    Fault("junk", "values that cannot be read", values.write_junk, runs=2 * values.JUNK),
    Fault(
        "future",
        "values from the future",
        values.write_from_the_future,
        needs_readings=True,
        runs=2 * values.FUTURES,
    ),
)

_POSTGRES: Final = (
    Fault("postgres", "Postgres killed and restarted", processes.restart_postgres),
    Fault("registry", "registry down for 10 s", processes.stop_registry),
    Fault(
        "restored",
        "Postgres restored from a backup: pairings changed and devices registered since",
        restores.restore,
    ),
    Fault("postgres-refusing", "Postgres refuses for 15 s", restores.refuse),
    Fault(
        "registry-slow",
        "the registry's way to Redis is long for two minutes, chargers handed over meanwhile",
        cables.slow_registry_down,
        long=True,
        alone=True,
    ),
)

_DEVICES: Final = (
    Fault("load-balancer", "load balancer restarted", cables.restart_load_balancer),
    Fault(
        "widget-half-open",
        "widget half open (silent, no FIN)",
        cables.leave_widget_half_open,
        alone=True,
    ),
    Fault(
        "charger-half-open",
        "charger half open (silent, no FIN)",
        cables.leave_charger_half_open,
        alone=True,
    ),
    Fault("crowd", "2,000 devices reconnecting at once", crowd.reconnects, alone=True),
    Fault("twins", "two connections of one charger, readings crossing", twins.cross),
    Fault("re-pairing", "re-pairing in flight", repairing.swaps),
    Fault(
        "stalled",
        "gateway stopped with a reading on its way, the charger handed over meanwhile",
        handovers.stall_gateway,
    ),
    Fault(
        "stalled-handshake",
        "the same, with a reading right behind the handshake",
        handovers.stall_handshake,
    ),
    Fault(
        "held-up",
        "a reading held up on its way, behind pongs that nobody asked for; handed over meanwhile",
        handovers.hold_up,
    ),
    Fault(
        "message-cut",
        "the first half of a reading before a hand-over, the second after it",
        handovers.cut_message,
    ),
    Fault(
        "pings",
        "4,000 pings and a reading, the charger handed over 0.7 s later",
        handovers.flood_with_pings,
    ),
)

_EVERYTHING: Final = (
    Fault("rolling", "rolling restart of every service", processes.restart_one_by_one, alone=True),
    Fault(
        "power-cut",
        "everything killed at once, Redis empty, Postgres 10 s late",
        processes.cut_power,
    ),
    Fault(
        "power-cut-crowd",
        "the same with 1,000 pairs more",
        processes.cut_power_to_a_crowd,
        alone=True,
        long=True,
    ),
)

FAULTS: Final = {
    fault.name: fault
    for group in (
        _GATEWAYS,
        _ROUTERS,
        _REDIS,
        _CLOCKS,
        _VALUES,
        _POSTGRES,
        _DEVICES,
        _EVERYTHING,
    )
    for fault in group
}
"""All faults by name, in the order of the matrix."""
