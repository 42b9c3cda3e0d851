"""What a registry may do in Redis, and which of its settings must be the same everywhere."""

from typing import Final

from services.registry.directory import scripts as directory_scripts
from services.registry.hub import scripts as hub_scripts
from services.registry.live import scripts as live_scripts
from services.registry.rentals import scripts as rental_scripts
from services.registry.settings import RegistrySettings
from shared.bus.refusals.config_agreement import Agreement, Successor
from shared.bus.refusals.rights import Rights
from shared.contract.credentials import KEY_AGREEMENT, fingerprint_of
from shared.contract.names import ACCESS
from shared.reporting import scripts as reporting_scripts

RIGHTS: Final = Rights.of(
    ACCESS["registry"],
    [
        *vars(directory_scripts).values(),
        *vars(rental_scripts).values(),
    ],
    *(
        "EXISTS",
        "GET",
        "HDEL",
        "HGETALL",
        "HKEYS",
        "HLEN",
        "HRANDFIELD",
        "XLEN",
        "ZMSCORE",
        "ZRANGE",
    ),
    reporting=[
        *vars(reporting_scripts).values(),
        *vars(hub_scripts).values(),
        *vars(live_scripts).values(),
    ],
)


def agreement_of(settings: RegistrySettings) -> Agreement:
    """Return the settings that must be the same in all instances."""
    agreement: dict[str, str | Successor] = {"CHARGELIGHT_PARTITIONS": str(settings.partitions)}
    key = settings.credential_key.get_secret_value()
    former = settings.former_credential_key.get_secret_value()
    if key and former:
        agreement[KEY_AGREEMENT] = Successor(
            fingerprint_of(key), fingerprint_of(former), takes_over=True
        )
    elif key:
        agreement[KEY_AGREEMENT] = fingerprint_of(key)
    return agreement
