"""What differs between the presence of chargers and that of widgets."""

from collections.abc import Sequence
from typing import NamedTuple

from services.gateway import scripts
from services.gateway.presence.connected_devices import ConnectedDevices
from shared.bus.script import Script
from shared.contract.names import ChargerNames, Names, WidgetNames


class DeviceKind(NamedTuple):
    """Chargers, or widgets."""

    devices: ConnectedDevices
    tags: Sequence[ChargerNames] | Sequence[WidgetNames]
    """Names in Redis, by partition."""
    update_script: Script
    sweep_script: Script


def device_kinds(
    names: Names, chargers: ConnectedDevices, widgets: ConnectedDevices
) -> tuple[DeviceKind, ...]:
    """Return both kinds."""
    return (
        DeviceKind(
            chargers, names.chargers, scripts.UPDATE_CHARGER_PRESENCE, scripts.SWEEP_CHARGERS
        ),
        DeviceKind(widgets, names.widgets, scripts.UPDATE_WIDGET_PRESENCE, scripts.SWEEP_WIDGETS),
    )
