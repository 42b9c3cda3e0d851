"""When each alert fires, and when not: true durations, for `test_durations`.

A fault begins at 600 s unless a case says otherwise.
"""

from collections.abc import Iterator
from typing import Final

from tests.alerts.series import GONE, Case, Phase, counter, gauge

_WELL: Final = 600


def _dips(value: float, trouble: float | None, seconds: int = 600) -> str:
    """Return a gauge that has another value for a while."""
    return gauge((_WELL, value), (seconds, trouble), (1800, value))


def _rises(rate: float, seconds: int = 600, then: int = 1800) -> str:
    """Return a counter that grows for a while."""
    return counter((_WELL, 0), (seconds, rate), (then, 0))


def _late(well: int, trouble: int, late: float, after: int, step: int) -> dict[str, str]:
    """Return the histogram of 1,000 readings a second, of which some are late for a while."""
    name = "chargelight_reading_to_status_seconds"
    phases: list[Phase] = [(well, 1000), (trouble, 1000 - late), (after, 1000)]
    return {
        f'{name}_bucket{{job="gateway",le="1.0"}}': counter(*phases, step=step),
        f'{name}_count{{job="gateway"}}': counter((well + trouble + after, 1000), step=step),
    }


def _lights() -> Iterator[Case]:
    yield Case(
        "LightsLate",
        "10 % late for 20 min",
        _late(3600, 1200, 100, 600, 15),
        # 1.44 % of an hour are late after 518 s; the last five minutes forget within 257 s.
        {4080: 0, 4200: 1, 4980: 1, 5160: 0},
        {"burn": "14.4"},
        step=15,
    )
    yield Case(
        "LightsLate",
        "1.2 % late for 4 h",
        _late(21600, 14400, 12, 7200, 60),
        {32100: 0, 32760: 1, 36600: 1, 37200: 0},
        {"burn": "6"},
        step=60,
    )
    yield Case(
        "LightsLate",
        "as many as the objective allows: never",
        _late(3600, 3600, 1, 60, 60),
        {7000: 0},
        step=60,
    )
    yield Case(
        "LightsLateDrift",
        "0.2 % late for two days",
        _late(259_200, 172_800, 2, 21_600, 300),
        {259_200 + 126_000: 0, 259_200 + 133_200: 1, 432_000 + 9_000: 1, 432_000 + 13_200: 0},
        step=300,
    )
    audited = 'chargelight_lights_audited_total{job="registry",outcome="wrong"}'
    canary = 'chargelight_canary_lights_total{job="canary",outcome="wrong"}'
    yield Case(
        "LightsWrong",
        "two within a minute",
        {audited: gauge((_WELL, 0), (30, 1), (600, 2))},
        {600: 0, 625: 0, 630: 1, 655: 1, 695: 0},
    )
    yield Case(
        "LightsWrong",
        "one of the audit and one of the canary",
        {audited: gauge((_WELL, 0), (600, 1)), canary: gauge((620, 0), (600, 1))},
        {615: 0, 620: 1, 700: 0},
    )
    yield Case(
        "LightsWrong",
        "one of a minute: never",
        {audited: gauge((_WELL, 0), (90, 1), (600, 2))},
        {600: 0, 620: 0, 640: 0, 660: 0, 690: 0, 720: 0, 750: 0},
    )


def _canary() -> Iterator[Case]:
    right = 'chargelight_canary_lights_total{job="canary",outcome="right"}'
    dark = 'chargelight_canary_lights_total{job="canary",outcome="dark"}'
    yield Case(
        "CanaryDark",
        "no light for 60 s",
        {right: counter((_WELL, 1), (60, 0), (60, 1)), dark: counter((_WELL, 0), (60, 1), (60, 0))},
        {600: 0, 620: 0, 635: 1, 655: 1, 675: 0},
    )
    yield Case(
        "CanaryDark",
        "the canary is gone",
        {right: counter((_WELL, 1), (60, GONE))},
        {605: 0, 630: 1},
    )
    yield Case("CanaryDark", "there is none", {"up": gauge((60, 1))}, {5: 0, 30: 1})
    yield Case(
        "CanaryDark",
        "two scrapes were missed: never",
        {right: f"{counter((_WELL, 1))} _x2 {_WELL + 15}+5x20"},
        {605: 0, 610: 0, 615: 0, 620: 0, 625: 0, 630: 0},
    )


def _hub() -> Iterator[Case]:
    accepting = [f'chargelight_accepting{{job="gateway",instance="{n}"}}' for n in (1, 2)]
    yield Case(
        "NobodyAccepts",
        "neither of two accepts",
        {name: _dips(1, 0) for name in accepting},
        {600: 0, 610: 0, 615: 1, 1195: 1, 1205: 0},
    )
    yield Case(
        "NobodyAccepts",
        "all gateways are gone altogether",
        {accepting[0]: _dips(1, GONE)},
        {610: 0, 620: 1, 1205: 0},
    )
    yield Case(
        "NobodyAccepts",
        "one of two accepts: never",
        {accepting[0]: _dips(1, 0), accepting[1]: _dips(1, 1)},
        {700: 0},
    )
    owned = [f'chargelight_partitions_owned{{job="router",instance="{n}"}}' for n in (1, 2)]
    all_of = [f'chargelight_partitions{{job="router",instance="{n}"}}' for n in (1, 2)]
    yield Case(
        "PartitionsUnowned",
        "a router is frozen, and the other does not take over",
        {owned[0]: _dips(32, GONE), owned[1]: _dips(32, 32), all_of[1]: _dips(64, 64)},
        {610: 0, 620: 1, 1205: 0},
    )
    yield Case(
        "PartitionsUnowned",
        "all routers are gone altogether",
        {owned[0]: _dips(64, GONE), all_of[0]: _dips(64, GONE)},
        {610: 0, 620: 1, 1205: 0},
    )
    yield Case(
        "PartitionsUnowned",
        "the other takes over after 10 s: never",
        {
            owned[0]: gauge((_WELL, 32), (60, GONE)),
            owned[1]: gauge((_WELL + 10, 32), (60, 64)),
            all_of[1]: gauge((660, 64)),
        },
        {605: 0, 610: 0, 620: 0, 650: 0},
    )
    oldest = 'chargelight_pending_oldest_seconds{job="router"}'
    yield Case("PendingOld", "6 s", {oldest: _dips(0, 6)}, {610: 0, 615: 1, 1205: 0})
    yield Case("PendingOld", "4 s: never", {oldest: _dips(0, 4)}, {615: 0, 1190: 0})
    yield Case(
        "GatewaysFull",
        "90 of 100, of two kinds",
        {
            'chargelight_connections{job="gateway",kind="charger"}': _dips(40, 45),
            'chargelight_connections{job="gateway",kind="widget"}': _dips(40, 45),
            'chargelight_connections_max{job="gateway"}': _dips(100, 100),
        },
        {655: 0, 660: 1, 1205: 0},
    )
    widgets = '{job="loadbalancer",proxy="widgets"}'
    yield Case(
        "GatewaysFull",
        "the load balancer has 4,100 widgets of 4,700, the gateways half of what they may have",
        {
            f"haproxy_frontend_current_sessions{widgets}": _dips(9, 4100),
            f"haproxy_frontend_limit_sessions{widgets}": _dips(4700, 4700),
            'chargelight_connections{job="gateway",kind="widget"}': _dips(9, 4100),
            'chargelight_connections_max{job="gateway"}': _dips(9400, 9400),
        },
        {655: 0, 660: 1, 1205: 0},
    )


def _redis() -> Iterator[Case]:
    away = [
        f'chargelight_not_ready{{job="gateway",instance="{n}",reason="redis_away"}}'
        for n in (1, 2, 3)
    ]
    ready = {
        f'chargelight_ready{{job="gateway",instance="{n}"}}': gauge((3000, 0)) for n in (1, 2, 3)
    }
    yield Case(
        "RedisAway",
        "for two of three gateways",
        {**ready, away[0]: _dips(0, 1), away[1]: _dips(0, 1), away[2]: _dips(0, 0)},
        {625: 0, 630: 1, 1205: 0},
    )
    yield Case(
        "RedisAway",
        "for one of three: never",
        {**ready, away[0]: _dips(0, 1), away[1]: _dips(0, 0), away[2]: _dips(0, 0)},
        {700: 0},
    )
    used, most = 'redis_memory_used_bytes{job="redis"}', 'redis_memory_max_bytes{job="redis"}'
    yield Case(
        "RedisFull",
        "90 of 100",
        {used: _dips(80, 90), most: _dips(100, 100)},
        {655: 0, 660: 1, 1205: 0},
    )
    yield Case("RedisFull", "no limit: never", {used: _dips(80, 90), most: _dips(0, 0)}, {1000: 0})
    missing = 'chargelight_not_ready{job="gateway",reason="directory"}'
    yield Case("DirectoryMissing", "for 10 min", {missing: _dips(0, 1)}, {655: 0, 660: 1, 1205: 0})
    replicas = 'redis_connected_slaves{job="redis"}'
    yield Case(
        "RedisReplicaMissing",
        "one of one",
        {replicas: _dips(1, 0)},
        {895: 0, 900: 1, 1195: 1, 1205: 0},
    )
    yield Case("RedisReplicaMissing", "there was none: never", {replicas: _dips(0, 0)}, {1100: 0})


def _registry() -> Iterator[Case]:
    connected = [f'chargelight_postgres_connected{{job="registry",instance="{n}"}}' for n in (1, 2)]
    yield Case(
        "PostgresAway",
        "for both registries",
        {name: _dips(1, 0) for name in connected},
        {895: 0, 900: 1, 1205: 0},
    )
    yield Case(
        "PostgresAway",
        "for one of two: never",
        {connected[0]: _dips(1, 0), connected[1]: _dips(1, 1)},
        {1190: 0},
    )
    lag = 'chargelight_directory_lag{job="registry"}'
    yield Case("DirectoryLag", "for 10 min", {lag: _dips(0, 3)}, {895: 0, 900: 1, 1205: 0})
    oldest = 'chargelight_transition_oldest_seconds{job="registry"}'
    yield Case("TransitionsWaiting", "20 s", {oldest: _dips(0, 20)}, {895: 0, 900: 1, 1205: 0})
    taken = [f'chargelight_backup_timestamp_seconds{{job="registry",instance="{n}"}}' for n in "12"]
    every = 'chargelight_backup_interval_seconds{job="registry"}'
    yield Case(
        "BackupOld",
        "one each 5 min, and then none for 24 min",
        {taken[0]: gauge((_WELL, 300), (1400, 590), (600, 2000)), every: gauge((2600, 300))},
        {600: 0, 1190: 0, 1490: 0, 1500: 1, 1995: 1, 2005: 0, 2595: 0},
    )
    yield Case(
        "BackupOld",
        "there is none at all",
        {taken[0]: gauge((3600, 0)), every: gauge((3600, 300))},
        {600: 0, 900: 0, 910: 1, 3595: 1},
    )
    yield Case(
        "BackupOld",
        "the other registry takes them, into a folder of its own: never",
        {
            taken[0]: gauge((3600, 0)),
            taken[1]: " ".join([gauge((300, 300)), "300+5x600"]),
            every: gauge((3600, 300)),
        },
        {1000: 0, 2000: 0, 3000: 0},
    )
    yield Case(
        "BackupOld",
        "none are taken: never",
        {taken[0]: gauge((3600, 0)), every: gauge((3600, 0))},
        {3000: 0},
    )


def _instances() -> Iterator[Case]:
    gateway = {"job": "gateway"}
    yield Case(
        "InstanceDown",
        "one does not answer",
        {
            'up{job="gateway",instance="1"}': _dips(1, 0),
            'up{job="gateway",instance="2"}': _dips(1, 1),
        },
        {655: 0, 660: 1, 1205: 0},
        gateway,
    )
    yield Case(
        "InstanceDown",
        "no gateway is known at all",
        {'up{job="gateway"}': _dips(1, GONE)},
        {655: 0, 665: 1, 1205: 0},
        gateway,
    )
    not_ready = 'chargelight_not_ready{{job="router",instance="1",reason="{}"}}'.format
    away, stopping = not_ready("redis_away"), not_ready("stopping")
    yield Case("NotReady", "for 10 min", {away: _dips(0, 1)}, {715: 0, 720: 1, 1205: 0})
    yield Case("NotReady", "for 90 s: never", {away: _dips(0, 1, 90)}, {685: 0, 720: 0})
    yield Case("NotReady", "it stops: never", {stopping: _dips(0, 1)}, {720: 0, 1190: 0})
    ends = 'chargelight_worker_ends_total{job="gateway",worker="2"}'
    yield Case(
        "WorkerRestarts",
        "one end",
        {ends: gauge((_WELL, 0), (1800, 1))},
        {595: 0, 600: 1, 1490: 1, 1510: 0},
    )
    delay = 'chargelight_event_loop_delay_seconds_bucket{{job="router",le="{}"}}'
    yield Case(
        "LoopDelay",
        "2 of 100 are late",
        {
            delay.format("0.1"): counter((_WELL, 100), (1800, 98), (1200, 100)),
            **{delay.format(le): counter((3600, 100)) for le in ("0.25", "+Inf")},
        },
        # Half of five minutes must be so, and then it must last.
        {1340: 0, 1360: 1, 2400: 1, 2570: 0},
    )
    build = 'chargelight_build_info{{job="{}",version="{}",commit="a"}}'
    yield Case(
        "MixedVersions",
        "for two hours",
        {
            build.format("gateway", "1"): gauge((10_800, 1), step=60),
            build.format("router", "2"): gauge((600, GONE), (7200, 1), (600, GONE), step=60),
        },
        {4140: 0, 4200: 1, 7740: 1, 7860: 0},
        step=60,
    )
    days = 'chargelight_certificate_days{job="gateway",setting="TLS"}'
    yield Case(
        "CertificateExpires", "13 days", {days: _dips(15, 13)}, {595: 0, 895: 0, 900: 1, 1205: 0}
    )
    yield Case(
        "CertificateExpires",
        "the file cannot be read",
        {days: _dips(15, float("nan"))},
        {595: 0, 895: 0, 900: 1, 1205: 0},
    )


def _devices() -> Iterator[Case]:
    swept = 'chargelight_readings_swept_total{job="router"}'
    heard = {'chargelight_readings_heard_total{job="router"}': counter((3000, 10))}
    yield Case(
        "DoorbellsLost",
        "a tenth, for 15 min",
        {swept: _rises(1, 900), **heard},
        {900: 0, 960: 1, 1500: 1, 1810: 0},
    )
    yield Case(
        "DoorbellsLost",
        "some after a fault: never",
        {swept: _rises(1, 20), **heard},
        {700: 0, 900: 0, 960: 0},
    )
    shaken = 'chargelight_handshakes_total{job="gateway",kind="charger"}'
    there = 'chargelight_connections{job="gateway",kind="charger"}'
    twins = 'chargelight_shared_ids_total{job="gateway"}'
    yield Case(
        "DevicesFlapping",
        "ten devices connect each ten seconds",
        {shaken: _rises(1), there: gauge((3000, 10)), twins: gauge((3000, 0))},
        {655: 0, 680: 1, 1200: 1, 2100: 0},
    )
    yield Case(
        "DevicesFlapping",
        "all of a thousand connect once: never",
        {shaken: _rises(50, 20), there: _dips(1000, 0, 60), twins: gauge((3000, 0))},
        {620: 0, 640: 0, 1000: 0},
    )
    yield Case(
        "DevicesFlapping",
        "two devices with one id",
        {shaken: gauge((3000, 0)), there: gauge((3000, 10)), twins: _rises(0.1, 60)},
        {620: 0, 650: 1, 1500: 1, 1570: 0},
    )
    bad = 'chargelight_bad_frames_total{job="gateway",code="out_of_range"}'
    yield Case("BadFrames", "one each 5 s", {bad: _rises(0.2)}, {640: 0, 660: 1, 1190: 1, 1850: 0})
    closed = 'chargelight_closes_total{{job="gateway",code="{}"}}'
    yield Case(
        "TooFast",
        "one each 5 s",
        {closed.format(4429): _rises(0.2, 60)},
        {610: 0, 625: 1, 1190: 1, 1270: 0},
    )
    refused = {
        'chargelight_handshakes_refused_total{job="gateway",status="401"}': _rises(0.2, 60),
        'chargelight_entrances_failed_total{job="gateway",reason="certificate"}': _rises(0.2, 60),
        closed.format(4404): _rises(0.2, 60),
    }
    yield Case("Refused", "three each 5 s, of three kinds", refused, {620: 0, 645: 1, 1270: 0})
    gone = 'chargelight_entrances_failed_total{job="gateway",reason="gone"}'
    yield Case(
        "Refused",
        "clients that went away: never",
        {**dict.fromkeys(refused, _rises(0)), gone: _rises(1)},
        {1000: 0},
    )


CASES: Final = [
    *_lights(),
    *_canary(),
    *_hub(),
    *_redis(),
    *_registry(),
    *_instances(),
    *_devices(),
]
