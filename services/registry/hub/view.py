"""The hub at a glance, as operators see it. No I/O."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import BaseModel, Field

from services.registry.hub.postgres_watch import PostgresLook
from services.registry.hub.redis_watch import HeardInstance, Memory, RedisLook
from services.registry.live.state import to_datetime
from shared.contract.instances import HubEvent, InstanceLine

SHOWN_EVENTS: Final = 50
_ORDER: Final = ("gateway", "router", "registry")


class Instance(BaseModel):
    """One running process of the hub, as it said itself."""

    id: str = Field(description="Its instance id", examples=["gateway-booth-1b9d3e"])
    service: str | None = Field(
        description="`gateway`, `router` or `registry`; null, as all else but the age: what it "
        "said cannot be read",
        examples=["gateway"],
    )
    version: str | None = Field(description="Of Chargelight", examples=["0.1.0"])
    started_at: datetime | None = Field(description="Since when it runs, by its own clock")
    ready: bool | None = Field(description="Whether it was ready, as its /readyz said")
    reason: str | None = Field(
        description="Why it was not ready", examples=["no connection to redis"]
    )
    age_seconds: float = Field(
        description="How old this is. Instances say how they are every 2 s, and are lost after "
        "10 s without that",
        examples=[1.2],
    )
    connections: int | None = Field(
        description="Of devices; of a registry, to its REST port", examples=[5000]
    )
    connections_max: int | None = Field(description="How many it takes", examples=[15000])
    waiting: int | None = Field(
        description="Of a gateway: connections that wait because the directory is not in Redis",
        examples=[0],
    )
    unstored: int | None = Field(
        description="Of a gateway: chargers with a reading that is not stored yet", examples=[3]
    )
    partitions: int | None = Field(description="Of a router: how many it works on", examples=[32])
    overdue: int | None = Field(
        description="Of a router: chargers with a reading that should have been routed by now",
        examples=[0],
    )
    overdue_seconds: float | None = Field(
        description="Of a router: how long the oldest of these has been pending; 0: none is",
        examples=[0.0],
    )


class RedisServer(BaseModel):
    """The memory of one Redis server."""

    used_bytes: int = Field(description="How much it uses", examples=[104857600])
    limit_bytes: int | None = Field(
        description="How much it may use (`maxmemory`); null: there is no limit",
        examples=[1073741824],
    )


class RedisInView(BaseModel):
    """Redis, as this registry sees it."""

    connected: bool = Field(description="Whether it answers")
    reason: str | None = Field(
        description="Why not", examples=["cannot connect to Redis: Connection refused"]
    )
    age_seconds: float | None = Field(
        description="How old is what is told of it and of instances; null: it has not answered "
        "since this registry started",
        examples=[0.8],
    )
    servers: list[RedisServer] = Field(description="One, or the masters of a cluster")


class PostgresInView(BaseModel):
    """Postgres, as this registry sees it."""

    connected: bool = Field(description="Whether it answers")
    reason: str | None = Field(description="Why not", examples=["Postgres is away"])
    age_seconds: float | None = Field(
        description="How old is what is told of it; null: it has not answered since this "
        "registry started",
        examples=[1.5],
    )
    version: str | None = Field(description="Its version", examples=["15.4"])
    connections: int | None = Field(description="Of all its clients", examples=[9])
    connections_max: int | None = Field(description="How many it takes", examples=[100])
    size_bytes: int | None = Field(description="Of the hub's database", examples=[52428800])


class BackupsInView(BaseModel):
    """The backups on a timer, as this registry sees their folder."""

    every_seconds: float = Field(description="How often one is due", examples=[3600.0])
    age_seconds: float | None = Field(
        description="How old the newest one is; null: there is none", examples=[1042.7]
    )
    bytes: int | None = Field(description="How large it is", examples=[12582912])


class Waiting(BaseModel):
    """What waits, all instances together. Of each: null if nobody says it."""

    devices: int | None = Field(
        description="Connections that wait because the directory is not in Redis", examples=[0]
    )
    unstored: int | None = Field(
        description="Chargers with a reading that no gateway could store yet", examples=[0]
    )
    overdue: int | None = Field(
        description="Chargers with a reading that should have been routed by now", examples=[0]
    )
    overdue_seconds: float | None = Field(
        description="How long the oldest of these has been pending", examples=[0.0]
    )
    changes: int | None = Field(
        description="Registered devices with a change that is not in Redis yet", examples=[0]
    )
    transitions: int | None = Field(
        description="Changes of lights that are not recorded in rentals yet", examples=[0]
    )


class Event(BaseModel):
    """Something that happened to the hub."""

    id: str = Field(description="Greater is newer", examples=["1795494065340-0"])
    at: datetime = Field(description="When it was noticed, by Redis' clock")
    event: str = Field(
        description="`started`, `stopped` (as it was asked to), `restarted` (without having "
        "stopped), `lost` (not heard of for 10 s), `back`, `not_ready`, `ready`; of the whole "
        "hub: `silence` (no instance was heard of), `redis_emptied`",
        examples=["lost"],
    )
    instance: str | None = Field(
        description="Of which instance; null: of all", examples=["router-booth-4f2a1c"]
    )
    detail: str | None = Field(
        description="Its version, or why it is not ready; of a silence, how many seconds it was",
        examples=["0.1.0"],
    )


class Hub(BaseModel):
    """The hub at a glance."""

    at: datetime = Field(description="When this was answered, by the registry's clock")
    registry: str = Field(
        description="Which registry answers: it tells what it sees", examples=["registry-1"]
    )
    partitions: int = Field(
        description="How many routers share; each has one router", examples=[64]
    )
    redis: RedisInView = Field(description="Redis, as this registry sees it")
    postgres: PostgresInView = Field(description="Postgres, as this registry sees it")
    backups: BackupsInView | None = Field(
        description="The backups on a timer; null: this registry takes none"
    )
    instances: list[Instance] = Field(description="Gateways, routers, registries")
    waiting: Waiting = Field(description="What waits, all instances together")
    events: list[Event] = Field(description="The last 50, the newest first")


class BackupsLook(NamedTuple):
    """What was found of the backups on the timer."""

    every_seconds: float
    newest_at: datetime | None
    """When the newest one was begun; None: there is none."""
    bytes: int | None


class Seen(NamedTuple):
    """What a registry has seen."""

    registry: str
    own_line: InstanceLine
    partitions: int
    redis: RedisLook | None
    redis_trouble: str | None
    events: Sequence[HubEvent]
    postgres: PostgresLook | None
    postgres_trouble: str | None
    backups: BackupsLook | None = None


def hub_view(seen: Seen, at: datetime, clock: float) -> Hub:
    """Return what is shown.

    Args:
        seen: What there is to show.
        at: The time.
        clock: The same, in seconds of the clock by which things were looked at.
    """
    instances = _instances(seen, clock)
    return Hub(
        at=at,
        registry=seen.registry,
        partitions=seen.partitions,
        redis=_redis(seen, clock),
        postgres=_postgres(seen, clock),
        backups=_backups(seen.backups, at),
        instances=instances,
        waiting=_waiting(instances, seen),
        events=[_event(each) for each in seen.events[:SHOWN_EVENTS]],
    )


def _instances(seen: Seen, clock: float) -> list[Instance]:
    look = seen.redis
    # How this registry is, it knows without Redis.
    shown = [_instance(seen.registry, seen.own_line, 0.0)]
    if look is not None:
        since = clock - look.looked_at
        shown += [
            _instance(name, heard.line, _age(heard, look, since))
            for name, heard in look.instances.items()
            if name != seen.registry
        ]
    return sorted(shown, key=lambda each: (_place(each.service), each.id))


def _place(service: str | None) -> int:
    return _ORDER.index(service) if service in _ORDER else len(_ORDER)


def _age(heard: HeardInstance, look: RedisLook, since: float) -> float:
    return max(0.0, (look.now - heard.at) / 1_000_000) + since


def _instance(name: str, line: InstanceLine | None, age: float) -> Instance:
    return Instance(
        id=name,
        service=line.service if line else None,
        version=line.version if line else None,
        started_at=to_datetime(line.started_at) if line else None,
        ready=line.ready if line else None,
        reason=line.reason or None if line else None,
        age_seconds=round(age, 1),
        connections=line.connections if line else None,
        connections_max=line.connections_max if line else None,
        waiting=line.waiting if line else None,
        unstored=line.unstored if line else None,
        partitions=line.partitions if line else None,
        overdue=line.overdue if line else None,
        overdue_seconds=round(line.overdue_seconds, 1)
        if line and line.overdue_seconds is not None
        else None,
    )


def _redis(seen: Seen, clock: float) -> RedisInView:
    look = seen.redis
    return RedisInView(
        connected=look is not None and seen.redis_trouble is None,
        reason=seen.redis_trouble,
        age_seconds=round(clock - look.looked_at, 1) if look else None,
        servers=[_server(each) for each in look.memory] if look else [],
    )


def _server(memory: Memory) -> RedisServer:
    return RedisServer(used_bytes=memory.used, limit_bytes=memory.limit or None)


def _postgres(seen: Seen, clock: float) -> PostgresInView:
    look = seen.postgres
    return PostgresInView(
        connected=look is not None and seen.postgres_trouble is None,
        reason=seen.postgres_trouble,
        age_seconds=round(clock - look.looked_at, 1) if look else None,
        version=look.version if look else None,
        connections=look.connections if look else None,
        connections_max=look.connections_max if look else None,
        size_bytes=look.size if look else None,
    )


def _backups(look: BackupsLook | None, at: datetime) -> BackupsInView | None:
    if look is None:
        return None
    return BackupsInView(
        every_seconds=look.every_seconds,
        age_seconds=round((at - look.newest_at).total_seconds(), 1) if look.newest_at else None,
        bytes=look.bytes,
    )


def _waiting(instances: Sequence[Instance], seen: Seen) -> Waiting:
    oldest = [each.overdue_seconds for each in instances if each.overdue_seconds is not None]
    return Waiting(
        devices=_sum(each.waiting for each in instances),
        unstored=_sum(each.unstored for each in instances),
        overdue=_sum(each.overdue for each in instances),
        overdue_seconds=max(oldest, default=None),
        changes=seen.postgres.unprojected if seen.postgres else None,
        transitions=seen.redis.transitions if seen.redis else None,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _event(event: HubEvent) -> Event:
    return Event(
        id=event.id,
        at=to_datetime(event.at),
        event=event.kind,
        instance=event.instance or None,
        detail=event.detail or None,
    )
