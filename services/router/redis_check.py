"""What a router may do in Redis, and the check that it may."""

import random
from collections.abc import Sequence
from typing import Final

from services.router import scripts
from services.router.settings import RouterSettings
from shared.bus.bus import Bus
from shared.bus.factory import open_bus
from shared.bus.refusals.redis_check import RedisCheck
from shared.bus.refusals.rights import Rights
from shared.bus.subscriber import Subscriber

RIGHTS: Final = Rights.of(vars(scripts).values(), "ZREM", listens=True)


def open_check(
    settings: RouterSettings, connections: Sequence[Bus | Subscriber], rng: random.Random
) -> RedisCheck:
    """Return the check of Redis, with a connection of its own besides those of the service."""
    # Thresholds may differ during a rollout, but not under one version.
    version = f"CHARGELIGHT_ROUTER_THRESHOLDS of version {settings.thresholds_version}"
    agreement = {
        "CHARGELIGHT_PARTITIONS": str(settings.partitions),
        version: settings.thresholds,
    }
    return RedisCheck(
        bus=open_bus(settings, f"{settings.instance_id}-check"),
        rights=RIGHTS,
        agreement=agreement,
        connections=connections,
        rng=rng,
    )
