"""What was seen of a hub: by its registry, and from the machine that the doctor runs on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Item = Mapping[str, Any]
"""An object of the REST API."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that devices or operators use.

    Attributes:
        where: Host and port.
        is_inside: Whether only this machine, or a network of containers, reaches it.
        answers: Whether a connection was accepted.
        has_tls: Whether it speaks TLS.
        ends_at: When its certificate ends; None: it has none, or shows none.
        takes_old_tls: Whether it speaks TLS 1.1; None: this machine cannot tell.
        status: What a WebSocket handshake without a secret was answered; None: nothing.
    """

    where: str
    is_inside: bool
    answers: bool = False
    has_tls: bool = False
    ends_at: datetime | None = None
    takes_old_tls: bool | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """A health port.

    Attributes:
        url: Where it is.
        is_inside: As of `Port`.
        answers: Whether it answered.
        serves_strangers: Whether it answered under a name that is not the hub's.
        service: What runs there; empty: it does not say so.
        version: Of the service; empty likewise.
        unsafe_settings: How many warnings it logged about its settings.
        certificate_days: Until a file's first certificate ends, by the setting of the file.
        usually: The service that is usually there; empty: the operator has named the port.
    """

    url: str
    is_inside: bool
    answers: bool = False
    serves_strangers: bool = False
    service: str = ""
    version: str = ""
    unsafe_settings: int = 0
    certificate_days: Mapping[str, float] = field(default_factory=dict)
    usually: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that rules decide on.

    Attributes:
        now: The time.
        own_version: Of the command line.
        support: ``GET /support``.
        keys: Items of ``GET /keys``.
        refused: Items of ``GET /refused``.
        canaries: Items of ``GET /state``: chargers that are the hub's own.
        failed_logins: Items of ``GET /audit``: logins that were refused within the last hour.
        keyless_status: What a request without a key was answered.
        stranger_status: What a request for a host that is not the hub's was answered.
        rest: The port of the REST API.
        devices: The ports of devices.
        health: The health ports.
        stores: Ports of Redis, Postgres, Prometheus and Alertmanager that are reachable from
            another machine.
        redis_needs_no_password: Whether Redis answered a command without one.
    """

    now: datetime
    own_version: str
    support: Item
    keys: Sequence[Item] = ()
    refused: Sequence[Item] = ()
    canaries: Sequence[Item] = ()
    failed_logins: Sequence[Item] = ()
    keyless_status: int
    stranger_status: int
    rest: Port
    devices: Sequence[Port] = ()
    health: Sequence[Health] = ()
    stores: Sequence[str] = ()
    redis_needs_no_password: bool = False
