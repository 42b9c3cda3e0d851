"""What a gateway may do in Redis, and the check that it may."""

import random
from collections.abc import Sequence
from typing import Final

from services.gateway import scripts
from services.gateway.settings import GatewaySettings
from shared.bus.bus import Bus
from shared.bus.factory import open_bus
from shared.bus.refusals.redis_check import RedisCheck
from shared.bus.refusals.rights import Rights
from shared.bus.subscriber import Subscriber
from shared.contract.credentials import KEY_AGREEMENT, fingerprint_of

RIGHTS: Final = Rights.of(vars(scripts).values(), "GET", "ZREM", listens=True)


def open_check(
    settings: GatewaySettings, connections: Sequence[Bus | Subscriber], rng: random.Random
) -> RedisCheck:
    """Return the check of Redis, with a connection of its own besides those of the service."""
    agreement = {"CHARGELIGHT_PARTITIONS": str(settings.partitions)}
    if settings.device_auth != "off":
        agreement[KEY_AGREEMENT] = fingerprint_of(settings.credential_key.get_secret_value())
    return RedisCheck(
        bus=open_bus(settings, f"{settings.instance_id}-check"),
        rights=RIGHTS,
        agreement=agreement,
        connections=connections,
        rng=rng,
    )
