"""Findings about two devices that use one id. No I/O."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.registry.explain.finding import Finding, Rank, format_time, wrong
from services.registry.live.refused import RefusedHandshake
from services.registry.live.state import ChargerState, WidgetState
from shared.contract.devices import Kind
from shared.contract.presence import RefusalReason

_LEAST: Final = 3
"""So often both were alive: firmware may open its new connection before it ends the old one."""
_LATELY: Final = timedelta(minutes=10)
_APART: Final = timedelta(minutes=5)
"""Connected to two gateways for so long, a widget has not merely moved from one to the other."""


def check_shared_id(
    kind: Kind,
    device: ChargerState | WidgetState,
    refused: Sequence[RefusedHandshake],
    now: datetime,
) -> list[Finding]:
    """Check whether two devices use this id; nothing if not."""
    seen = [
        each
        for each in refused
        if (each.reason, each.kind, each.id) == (RefusalReason.SHARED_ID, kind.value, device.id)
        and now - each.last_at <= _LATELY
    ]
    times = sum(each.count for each in seen)
    if times >= _LEAST:
        addresses = " and ".join(sorted({each.address for each in seen}))
        last = format_time(max(each.last_at for each in seen))
        return [_finding(kind, device.id, f"{times} times, last at {last}, from {addresses}")]
    if isinstance(device, WidgetState) and len(device.gateways) > 1:
        since = device.gateways[1].since
        if now - since > _APART:
            names = " and ".join(each.gateway for each in device.gateways)
            text = f"connected to {names} since {format_time(since)}"
            return [_finding(kind, device.id, text)]
    return []


def _finding(kind: Kind, device_id: str, text: str) -> Finding:
    happens = {
        Kind.CHARGER: "they take turns, and the light follows now one, now the other",
        Kind.WIDGET: "both show the light of one visitor",
    }[kind]
    return wrong(
        "shared id",
        f"two devices: {text}",
        Rank.SHARED_ID,
        f"Two devices use the id {device_id}: {happens}.",
        "Give one of them an id of its own. If there is only one, its firmware opens a second "
        "connection and keeps the first.",
    )
