"""Findings about two devices that use one id. No I/O."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.registry.explain.finding import Finding, Rank, Said, say, wrong
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
        said = say(
            "shared_id_seen",
            "two devices: {count} times, last at {last_at}, from {addresses}",
            count=times,
            last_at=max(each.last_at for each in seen),
            addresses=addresses,
        )
        return [_finding(kind, device.id, said)]
    if isinstance(device, WidgetState) and len(device.gateways) > 1:
        since = device.gateways[1].since
        if now - since > _APART:
            names = " and ".join(each.gateway for each in device.gateways)
            text = "two devices: connected to {gateways} since {since}"
            said = say("shared_id_connected", text, gateways=names, since=since)
            return [_finding(kind, device.id, said)]
    return []


def _finding(kind: Kind, device_id: str, said: Said) -> Finding:
    happens = {
        Kind.CHARGER: "they take turns, and the light follows now one, now the other",
        Kind.WIDGET: "both show the light of one visitor",
    }[kind]
    return wrong(
        "shared id",
        said,
        Rank.SHARED_ID,
        say(f"shared_{kind}_id", f"Two devices use the id {{id}}: {happens}.", id=device_id),
        "Give one of them an id of its own. If there is only one, its firmware opens a second "
        "connection and keeps the first.",
    )
