"""The model says what its coefficients and the code say."""

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import hiredis
import msgspec
import pytest
from websockets.frames import Frame, Opcode

from services.gateway import app
from services.gateway.chargers import reconciliation, replication
from services.gateway.connection import handshake, refusals
from services.gateway.directory_watch import DirectoryWatch
from services.gateway.settings import GatewaySettings
from services.registry.directory import snapshot
from services.registry.settings import RegistrySettings
from services.router import clear_pending, leases
from services.simulator.devices.connection import HANDSHAKE_SECONDS
from shared.bus import batches
from shared.bus.script_batches import command_of
from shared.contract.names import Names
from tools.capacity import model, wire
from tools.capacity import sample_calls as calls
from tools.capacity.coefficients import MEASURED, Coefficients, Cost, TlsKind
from tools.capacity.model import Load, batched, needs
from tools.capacity.tables import tables

C = Coefficients.load()
ROOT = Path(__file__).parents[4]


def test_the_limits_are_those_of_the_code() -> None:
    fields = GatewaySettings.model_fields
    limits = C.limits
    assert limits.connections_per_gateway == fields["max_connections"].default
    assert limits.max_waiting == fields["max_waiting"].default
    assert limits.ping_interval_s == fields["ping_interval_seconds"].default
    assert limits.handshake_deadline_s == fields["handshake_seconds"].default
    assert limits.partitions == fields["partitions"].default
    assert (
        limits.full_projection_s == RegistrySettings.model_fields["full_projection_seconds"].default
    )
    assert limits.items_per_projection == snapshot.CHUNK
    assert limits.accept_queue == app._BACKLOG
    assert limits.overdue_s == handshake._PATIENCE_SECONDS
    assert limits.retry_after_s == refusals.OVERDUE.retry_after
    assert limits.items_per_exchange == batches.ITEMS_PER_EXCHANGE
    assert limits.reconcile_interval_s == reconciliation.RECONCILE_SECONDS
    assert limits.device_patience_s == HANDSHAKE_SECONDS


def test_the_rates_are_those_of_the_code() -> None:
    assert model._RECONCILE_CALL_ITEMS == batches.ITEMS_PER_CALL
    assert model._RECONCILE_ROUNDS == reconciliation.RECONCILE_STEPS
    assert model._CLEAR_SECONDS == clear_pending._COLLECT_SECONDS
    assert model._COLLECT_SECONDS == replication._COLLECT_SECONDS
    assert model._PAUSE_SECONDS == replication._PAUSE_SECONDS
    assert model._CLEARED_PER_EXCHANGE == clear_pending._MOST_PER_EXCHANGE
    assert pytest.approx(0.9 * leases._RENEW_SECONDS) == model._LEASE_SECONDS


def test_a_gateway_reads_every_version_twice_a_second() -> None:
    watch = DirectoryWatch.__new__(DirectoryWatch)
    names = Names(C.limits.partitions)
    watch._by_channel = dict.fromkeys(
        [n.directory_changes for n in (*names.chargers, *names.widgets)], 0
    )
    versions = len(watch.channels)
    # And ROLE, what it calls to itself and hears, a ping; and that it is alive.
    assert model.gateway_commands(C) == pytest.approx(2 * (versions + 4) + 1 / 1.8)


def test_a_gateway_is_full_before_its_core_is_busy() -> None:
    found = needs(Load(500_000, 500_000, 10), C)
    assert found.gateways == -(-1_000_000 // round(15_000 * C.limits.most_full))
    assert found.gateway_cores / found.gateways < C.limits.most_busy


def test_no_part_is_busier_than_it_may_be() -> None:
    for load in (Load(500_000, 500_000, 10), Load(50_000, 50_000, 0.2), Load(10, 10, 10)):
        found = needs(load, C)
        assert found.gateway_cores <= C.limits.most_busy * found.gateways
        assert found.router_cores <= C.limits.most_busy * found.routers
        assert found.redis_cores / found.redis_nodes <= found.redis_busiest <= C.redis.most_busy


def test_readings_that_share_an_exchange_cost_less() -> None:
    few, many = Load(1_000, 1_000, 10), Load(1_000, 1_000, 0.01)
    for cpu in (model.gateway_cpu, model.router_cpu):
        per_reading = [
            (cpu(load, C, 1) - cpu(replace(load, reading_interval=1e9), C, 1)) / load.readings
            for load in (few, many)
        ]
        assert per_reading[0] > 2 * per_reading[1]


def test_more_processes_for_the_same_have_more_to_do() -> None:
    load = Load(1_000, 1_000, 0.01)
    assert model.gateway_cpu(load, C, 10) > 1.3 * model.gateway_cpu(load, C, 1)


def test_more_of_anything_never_needs_less() -> None:
    base = Load(100_000, 100_000, 10)
    for more in (
        replace(base, chargers=150_000),
        replace(base, widgets=150_000),
        replace(base, reading_interval=5),
        replace(base, burst=2),
        replace(base, reconnects_per_hour=20),
    ):
        small, large = needs(base, C), needs(more, C)
        assert large.gateways >= small.gateways
        assert large.redis_cores > small.redis_cores
        assert sum(large.dollars.values()) >= sum(small.dollars.values())


def test_a_burst_costs_no_more_traffic_in_a_month() -> None:
    calm, burst = (needs(Load(100_000, 100_000, 10, burst=factor), C) for factor in (1, 3))
    for name in ("traffic to devices", "traffic between zones"):
        assert burst.dollars[name] == calm.dollars[name]
    assert burst.devices_mbit > calm.devices_mbit


def test_chargers_that_say_nothing_still_cost_redis() -> None:
    # What gateways hold is compared every two seconds, whatever is said.
    silent = needs(Load(500_000, 500_000, 1e9), C)
    compared = 500_000 / C.limits.reconcile_interval_s * C.redis.reconcile.item_us * 1e-6
    assert silent.redis_cores >= compared
    assert silent.redis_by["comparing chargers with Redis"] == pytest.approx(compared, rel=0.2)


def test_more_than_partitions_can_be_spread_over_is_said() -> None:
    with pytest.raises(ValueError, match="CHARGELIGHT_PARTITIONS"):
        needs(Load(10_000_000, 10_000_000, 0.1), C)


def test_single_items_cost_a_call_each_and_many_share_calls() -> None:
    cost = Cost(call_us=10.0, item_us=1.0)
    assert batched(1000, 0.5, 64, cost) == pytest.approx(1000 * 11e-6)
    assert batched(1000, 1, 64, cost) == pytest.approx(1000 * 11e-6)
    # So many that each partition gets one call.
    assert batched(64_000, 64_000, 64, cost) == pytest.approx((64_000 + 64 * 10) * 1e-6)
    assert batched(1000, 100, 1, cost) == pytest.approx((1000 + 10 * 10) * 1e-6)


def test_frames_are_as_long_as_the_library_makes_them() -> None:
    bytes_of = wire.measure(0)
    reading = Frame(Opcode.TEXT, wire._READING).serialize(mask=True)
    status = Frame(Opcode.TEXT, wire._STATUS).serialize(mask=False)
    assert bytes_of.reading == bytes_of.reading_up == len(reading)
    assert bytes_of.status == bytes_of.status_down == len(status)
    pings = [Frame(Opcode.PING, b"").serialize(mask=mask) for mask in (False, True)]
    assert bytes_of.ping == sum(map(len, pings))


@pytest.mark.parametrize("kind", get_args(TlsKind))
def test_tls_costs_gateways_and_traffic_and_nothing_else(kind: TlsKind) -> None:
    load = Load(600, 600, 10)
    without, with_tls, added = needs(load, C), needs(load, C.with_tls(kind)), C.tls[kind]
    assert with_tls.redis_by == without.redis_by
    more_mb = with_tls.gateway_mb - without.gateway_mb
    assert more_mb == pytest.approx(1200 * added.connection_kb / 1000)
    # A second: 60 readings, as many statuses, 100 pings with their pongs, a third of a handshake.
    received, sent = 60 + 100, 60 + 100
    more_us = received * added.receive_us + sent * added.send_us + added.handshake_us / 3
    assert with_tls.gateway_cores - without.gateway_cores == pytest.approx(more_us * 1e-6)
    more_bytes = (received + sent) * added.record_bytes + added.handshake_bytes / 3
    assert 1e6 * (with_tls.devices_mbit - without.devices_mbit) == pytest.approx(8 * more_bytes)


def test_replicas_cost_redis_and_waiting_for_them_gateways_too() -> None:
    load = Load(600, 600, 10)  # 60 readings a second, each alone
    without, counted, waited = (
        needs(load, each) for each in (C, C.with_replicas(), C.with_replicas(waits=True))
    )
    fed, waits = (60e-6 * each for each in (C.replicas.reading_us, C.replicas.wait_us))
    assert counted.redis_cores - without.redis_cores == pytest.approx(fed)
    assert counted.gateway_cores == without.gateway_cores
    assert waited.redis_cores - counted.redis_cores == pytest.approx(waits)
    more = waited.gateway_cores - counted.gateway_cores
    assert more == pytest.approx(60e-6 * C.gateway.exchange_us)


def test_waits_do_not_grow_with_the_readings_of_a_moment() -> None:
    assert model.waits_per_second(Load(0, 0, 10), 2) == 0
    # 5,000 readings a second at each gateway: a WAIT every 10 ms, or every 0.2 s to each of many.
    for nodes, waits in ((1, 100), (3, 100), (100, 500)):
        found = model.waits_per_second(Load(100_000, 100_000, 10), 2, nodes)
        assert found == pytest.approx(2 * waits)


def test_tls_at_the_balancer_costs_gateways_nothing_and_is_paid_there() -> None:
    load = Load(500_000, 500_000, 10)
    plain, behind, wss = (
        needs(load, each) for each in (C, C.with_tls_at_balancer(), C.with_tls("wss"))
    )
    assert (behind.gateway_cores, behind.gateway_mb) == (plain.gateway_cores, plain.gateway_mb)
    assert behind.devices_mbit == wss.devices_mbit > plain.devices_mbit
    p = C.prices
    units = load.devices / p.balancer_tls_unit_active
    assert behind.dollars["load balancer"] == pytest.approx(
        (p.balancer_hour + units * p.balancer_unit_hour) * p.hours_per_month
    )


@pytest.mark.parametrize(
    ("partitions", "redis_us", "all_us"), [(64, 16.3, 35.9), (1024, 34.7, 72.2)]
)
def test_a_full_projection_takes_as_long_as_it_was_measured(
    partitions: int, redis_us: float, all_us: float
) -> None:
    found = needs(Load(10_000, 10_000, 10), C.with_partitions(partitions))
    assert found.projection_seconds / 20_000 == pytest.approx(all_us * 1e-6, rel=0.03)
    ratio = found.projection_cores
    assert ratio == pytest.approx(redis_us / all_us, rel=0.03)


def test_each_registry_projects_everything_now_and_then() -> None:
    found = needs(Load(500_000, 500_000, 10), C)
    seconds = found.projection_cores * found.projection_seconds
    mean = C.limits.registries * seconds / C.limits.full_projection_s
    assert found.redis_by["projecting the directory"] == pytest.approx(mean)


def test_commands_are_as_long_as_the_client_makes_them() -> None:
    call = calls.store(Names(64).chargers[7], [calls.charger_id(7, 1)], 1)
    assert wire._call(call) == len(hiredis.pack_command(tuple(command_of([call]))))  # type: ignore[arg-type]


def test_the_sample_messages_are_those_of_the_services() -> None:
    from shared.contract.doorbells import decode_reading, decode_status  # noqa: PLC0415 - one test's

    assert decode_status(calls.status("w1", "c1", 1).encode()).widget == "w1"
    assert decode_reading(calls.doorbell("w1", "c1", 1).encode()).widget == "w1"


def test_the_document_has_the_tables_that_are_printed() -> None:
    document = (ROOT / "docs/capacity.md").read_text("utf-8")
    for line in tables(C).splitlines():
        if line.endswith("| |") and "|---" not in line:
            # What was measured is filled in by hand.
            line = line.removesuffix(" |")  # noqa: PLW2901 - the rest is the same
        assert line in document, "print them again: make capacity"


def test_every_coefficient_says_where_it_comes_from() -> None:
    section = re.split(r"^\[limits\]", MEASURED.read_text("utf-8"), maxsplit=1, flags=re.MULTILINE)
    lines = section[0].splitlines()
    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            above = lines[number - 1]
            assert above.startswith(("#", "[")) or "=" in above, line


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("reading_us = 20", "", "reading_us"),
        ("reading_us = 20", 'reading_us = "soon"', "reading_us"),
        ("reading_us = 20", "reading_us = 20\nraeding_us = 20", "raeding_us"),
        ("reading_us = 20", "reading_us =", "line"),
    ],
)
def test_a_wrong_file_names_what_is_wrong(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MEASURED.read_text("utf-8").replace(old, new, 1))
    with pytest.raises(ValueError, match=complaint):
        Coefficients.load(file)


def test_other_coefficients_give_other_tables(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MEASURED.read_text("utf-8").replace("machine_hour = 0.145", "machine_hour = 9"))
    mine = Coefficients.load(file)
    assert msgspec.structs.replace(mine, prices=C.prices) == C
    assert tables(mine) != tables(C)
