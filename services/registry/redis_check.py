"""What a registry may do in Redis, and which of its settings must be the same everywhere."""

from typing import Final

from services.registry.directory import scripts as directory_scripts
from services.registry.rentals import scripts as rental_scripts
from services.registry.settings import RegistrySettings
from shared.bus.refusals.rights import Rights
from shared.contract.credentials import KEY_AGREEMENT, fingerprint_of

RIGHTS: Final = Rights.of(
    [*vars(directory_scripts).values(), *vars(rental_scripts).values()],
    *("EXISTS", "GET", "HKEYS", "XLEN", "ZMSCORE", "ZRANGE"),
    listens=False,
)


def agreement_of(settings: RegistrySettings) -> dict[str, str]:
    """Return the settings that must be the same in all instances."""
    agreement = {"CHARGELIGHT_PARTITIONS": str(settings.partitions)}
    key = settings.credential_key.get_secret_value()
    if key:
        agreement[KEY_AGREEMENT] = fingerprint_of(key)
    return agreement
