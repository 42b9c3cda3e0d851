"""What a gateway may do in Redis, and which of its settings must be the same everywhere."""

from typing import Final

from services.gateway import scripts
from services.gateway.settings import GatewaySettings
from shared.bus.refusals.rights import Rights
from shared.contract.credentials import KEY_AGREEMENT, fingerprint_of

RIGHTS: Final = Rights.of(vars(scripts).values(), "GET", "ZREM", listens=True)


def agreement_of(settings: GatewaySettings) -> dict[str, str]:
    """Return the settings that must be the same in all instances."""
    agreement = {"CHARGELIGHT_PARTITIONS": str(settings.partitions)}
    if settings.device_auth != "off":
        agreement[KEY_AGREEMENT] = fingerprint_of(settings.credential_key.get_secret_value())
    return agreement
