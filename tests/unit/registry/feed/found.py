"""Chargers as they are found in Postgres and Redis."""

import json
from typing import Any, Final

from services.registry.feed.tile import Found, Row, find
from services.registry.live.redis_values import Environment, RawCharger

NOW: Final = 1_795_494_065_000_000
ENVIRONMENT: Final = Environment(NOW, {"gateway-a": NOW})
MARK: Final = "7-9f2c"


def encoded(value: object) -> bytes | None:
    return None if value is None else json.dumps(value).encode()


def entry(pairing: int = 7, **more: Any) -> dict[str, Any]:
    """A charger's entry, paired with w1."""
    token = MARK.partition("-")[2]
    return {"pairing": pairing, "token": token, "paired_at": 1, "widget": "w1", **more}


def status(
    light: str = "charging", pairing: int = 7, sequence: int = 1, **more: Any
) -> dict[str, Any]:
    return {
        "event": "chargingStatus",
        "data": {"status": light},
        "widget": "w1",
        "charger": "c1",
        "pairing": pairing,
        "revision": [5, sequence],
        "thresholds": 1,
        "received_at": NOW + sequence,
        **more,
    }


def live(mark: str = MARK) -> dict[str, Any]:
    return {"epoch": 5, "revision": [5, 1], "soc": 70.5, "received_at": NOW, "mark": mark}


def raw(
    of: object = None,
    *,
    live: object = None,
    presence: object = None,
    status: object = None,
    pending: int | None = None,
    is_complete: bool = True,
) -> RawCharger:
    """What is in Redis of c1; without an entry it is not registered there."""
    return RawCharger(
        "c1",
        encoded(of),
        encoded(live),
        encoded(presence),
        None,
        None if pending is None else str(pending).encode(),
        is_complete,
        None,
        encoded(status),
    )


def lit(light: str = "charging", pairing: int = 7, sequence: int = 1, **more: Any) -> Found:
    """A tile that was found with a light."""
    found = raw(entry(pairing), status=status(light, pairing, sequence, **more))
    return find(Row("c1"), found, ENVIRONMENT)


def dark(pairing: int = 7) -> Found:
    """The same without one."""
    return find(Row("c1"), raw(entry(pairing)), ENVIRONMENT)
