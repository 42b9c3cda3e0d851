"""What a registry may do in Redis, and the check that it may."""

import random
from collections.abc import Sequence
from typing import Final

from services.registry.directory import scripts as directory_scripts
from services.registry.rentals import scripts as rental_scripts
from services.registry.settings import RegistrySettings
from shared.bus.bus import Bus
from shared.bus.factory import open_bus
from shared.bus.refusals.redis_check import RedisCheck
from shared.bus.refusals.rights import Rights
from shared.contract.credentials import KEY_AGREEMENT, fingerprint_of

RIGHTS: Final = Rights.of(
    [*vars(directory_scripts).values(), *vars(rental_scripts).values()],
    *("EXISTS", "GET", "HKEYS", "XLEN", "ZMSCORE", "ZRANGE"),
    listens=False,
)


def open_check(
    settings: RegistrySettings, connections: Sequence[Bus], rng: random.Random
) -> RedisCheck:
    """Return the check of Redis, with a connection of its own besides those of the service."""
    return RedisCheck(
        bus=open_bus(settings, f"{settings.instance_id}-check"),
        rights=RIGHTS,
        agreement=agreement_of(settings),
        connections=connections,
        rng=rng,
    )


def agreement_of(settings: RegistrySettings) -> dict[str, str]:
    """Return the settings that must be the same in all instances."""
    agreement = {"CHARGELIGHT_PARTITIONS": str(settings.partitions)}
    key = settings.credential_key.get_secret_value()
    if key:
        agreement[KEY_AGREEMENT] = fingerprint_of(key)
    return agreement
