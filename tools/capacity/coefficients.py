"""The coefficients of the model, read from ``coefficients.toml`` and checked."""

import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

TlsKind = Literal["wss", "certificates"]
"""Devices connect with TLS; they also have certificates."""
MEASURED: Final = Path(__file__).with_name("coefficients.toml")
"""The file that comes with the code."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Has exactly its fields: a missing or unknown one is an error."""


class Cost(_Section, frozen=True):
    """CPU of a script, in µs: of a call, and of each item in it."""

    call_us: float
    item_us: float

    def of(self, items: float, calls: float) -> float:
        """Return the CPU of these items in these calls, in seconds."""
        return (items * self.item_us + calls * self.call_us) * 1e-6


class Gateway(_Section, frozen=True):
    """Of one gateway process; CPU in µs."""

    process_mb: float
    process_cores: float
    connection_kb: float
    socket_kb: float
    reading_us: float
    exchange_us: float
    status_us: float
    wake_us: float
    ping_us: float
    reconcile_us: float
    handshake_us: float
    disconnect_us: float
    refusal_us: float
    wait_us: float = 0.0
    """Of each WAIT; 0: it sends none."""


class Tls(_Section, frozen=True):
    """What TLS adds to the figures of a gateway and of a packet."""

    receive_us: float
    send_us: float
    handshake_us: float
    connection_kb: float
    record_bytes: int
    handshake_bytes: int


class Router(_Section, frozen=True):
    """Of one router."""

    process_mb: float
    process_cores: float
    reading_us: float
    exchange_us: float


class Registry(_Section, frozen=True):
    """Of one registry."""

    projection: Cost
    projection_time: Cost
    device_kb: float


class Redis(_Section, frozen=True):
    """Of one Redis server."""

    project: Cost
    admit: Cost
    store: Cost
    light: Cost
    clear_pending: Cost
    reconcile: Cost
    read_status: Cost
    update_presence: Cost
    find_overdue_us: float
    lease_us: float
    command_us: float
    subscription_us: float
    exchange_us: float
    process_cores: float
    delivery_us: float
    device_kb: float
    exchange_ms: float
    most_busy: float
    feed_us: float = 0.0
    """What a replica adds to a reading; 0: there is none."""
    wait_us: float = 0.0
    """Of each WAIT; 0: nobody sends one."""


class Replicas(_Section, frozen=True):
    """What a replica adds to the figures of its primary, in µs."""

    reading_us: float
    wait_us: float


class LoadBalancer(_Section, frozen=True):
    """Of one core of a load balancer."""

    connections_per_second: float
    backlog: int


class Network(_Section, frozen=True):
    """Of the network between parts."""

    header_bytes: int
    device_latency_s: float
    record_bytes: int
    handshake_bytes: int


class Limits(_Section, frozen=True):
    """Settings and constants of the code."""

    connections_per_gateway: int
    partitions: int
    ping_interval_s: float
    reconcile_interval_s: float
    accept_queue: int
    overdue_s: float
    handshake_deadline_s: float
    retry_after_s: float
    max_waiting: int
    items_per_exchange: int
    full_projection_s: float
    items_per_projection: int
    device_patience_s: float
    most_busy: float
    most_full: float
    registries: int
    least_machines: int


class Prices(_Section, frozen=True):
    """US dollars."""

    as_of: str
    hours_per_month: float
    machine_hour: float
    machine_cores: int
    redis_hour: float
    redis_gb: float
    postgres_hour: float
    balancer_hour: float
    balancer_unit_hour: float
    balancer_unit_new_per_second: float
    balancer_unit_active: float
    balancer_unit_gb_per_hour: float
    balancer_tls_unit_new_per_second: float
    balancer_tls_unit_active: float
    internet_gb: float
    zone_gb: float
    zone_share: float


class Coefficients(_Section, frozen=True):
    """All of them."""

    gateway: Gateway
    tls: dict[TlsKind, Tls]
    router: Router
    registry: Registry
    redis: Redis
    replicas: Replicas
    load_balancer: LoadBalancer
    network: Network
    limits: Limits
    prices: Prices

    def with_partitions(self, partitions: int) -> "Coefficients":
        """Return those of a hub with another number of partitions."""
        return replace(self, limits=replace(self.limits, partitions=partitions))

    def with_tls(self, kind: TlsKind) -> "Coefficients":
        """Return those of a hub whose devices connect with TLS."""
        g, added = self.gateway, self.tls[kind]
        gateway = replace(
            g,
            connection_kb=g.connection_kb + added.connection_kb,
            reading_us=g.reading_us + added.receive_us,
            status_us=g.status_us + added.send_us,
            ping_us=g.ping_us + added.send_us + added.receive_us,
            handshake_us=g.handshake_us + added.handshake_us,
        )
        network = replace(
            self.network,
            record_bytes=added.record_bytes,
            handshake_bytes=added.handshake_bytes,
        )
        return replace(self, gateway=gateway, network=network)

    def with_tls_at_balancer(self) -> "Coefficients":
        """Return those of a hub whose load balancer ends TLS; gateways have none."""
        with_tls, p = self.with_tls("wss"), self.prices
        prices = replace(
            p,
            balancer_unit_new_per_second=p.balancer_tls_unit_new_per_second,
            balancer_unit_active=p.balancer_tls_unit_active,
        )
        return replace(with_tls, gateway=self.gateway, prices=prices)

    def with_replicas(self, *, waits: bool = False) -> "Coefficients":
        """Return those of a hub where each primary of Redis has a replica, waited for or not."""
        wait_us = self.replicas.wait_us if waits else 0.0
        redis = replace(self.redis, feed_us=self.replicas.reading_us, wait_us=wait_us)
        gateway = replace(self.gateway, wait_us=self.gateway.exchange_us if waits else 0.0)
        return replace(self, redis=redis, gateway=gateway)

    @classmethod
    def load(cls, path: Path = MEASURED) -> "Coefficients":
        """Read a file.

        Raises:
            ValueError: It is not TOML, or a figure is missing, unknown or no number; the text
                says which.
        """
        try:
            return msgspec.convert(tomllib.loads(path.read_text("utf-8")), cls)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise ValueError(f"{path}: {error}") from error
