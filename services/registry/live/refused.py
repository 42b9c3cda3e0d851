"""Who could not connect, as operators see it. No I/O."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field

from services.registry.live.redis_values import RefusedItem
from services.registry.live.state import to_datetime
from shared.contract.devices import is_device_id

_UNCUT: Final = 3
"""Parts of a path with a kind and an id: it begins with a slash."""


class RefusedHandshake(BaseModel):
    """A device that could not connect, for one reason."""

    kind: str = Field(description="Whose port it was: `charger` or `widget`", examples=["charger"])
    id: str | None = Field(description="The id it asked for, if it looks like one", examples=["c1"])
    path: str | None = Field(
        description="What it asked for, cut where it may hold a secret", examples=["/charger/c1"]
    )
    address: str = Field(
        description="Its address, or that of the proxy before it", examples=["192.0.2.7"]
    )
    reason: str = Field(
        description="`unauthorized`, `origin`, `wrong_path`, `not_registered`, `tls`, "
        "`no_tls`, `tls_version`, `certificate`, `hub_certificate`, `not_websocket`; "
        "`shared_id`: it was connected, but another device has its id",
        examples=["wrong_path"],
    )
    count: int = Field(description="How often, since then", examples=[12])
    since: datetime | None = Field(
        description="The first time that was counted: after a quiet hour it begins again. "
        "null: a gateway of version 0.1.0 counted"
    )
    last_at: datetime = Field(description="When it was refused last")
    gateway: str = Field(description="Which gateway refused it last", examples=["gateway-1"])


def shown(item: RefusedItem) -> RefusedHandshake:
    """Return what an operator sees of it."""
    parts = item.path.split("/")
    is_whole = len(parts) == _UNCUT and not item.path.endswith("...")
    return RefusedHandshake(
        kind=item.kind,
        id=parts[-1] if is_whole and is_device_id(parts[-1]) else None,
        path=item.path or None,
        address=item.address,
        reason=item.reason,
        count=item.times.count,
        since=to_datetime(item.times.since) if item.times.since else None,
        last_at=to_datetime(item.times.at),
        gateway=item.times.gateway,
    )
