"""One call of each script as the services make it, to measure its cost and its bytes."""

import json
from collections.abc import Sequence

from services.gateway import scripts as gateway
from services.gateway.chargers.stored_fingerprints import fingerprint, known_pairing
from services.router import scripts as router
from shared.bus.script import Argument, Call
from shared.contract.names import ChargerNames, Names, WidgetNames

NAMES = Names(64)
EPOCH = 2**52 - 1
"""In µs; later than any clock, so that a call is never too old."""
LATER = 2**52
TOKEN = "0123456789abcdef"  # noqa: S105 - no secret
MARK = f"5-{TOKEN}"
"""Of the pairing that all chargers have."""


def charger_id(partition: int, number: int) -> str:
    """An id as long as those of real devices."""
    return f"c{partition:02}{number:05}"


def widget_id(partition: int, number: int) -> str:
    """An id as long as those of real devices."""
    return f"w{partition:02}{number:05}"


def status(widget: str, charger: str, sequence: int) -> str:
    """A status as it is stored and published."""
    return json.dumps(
        {
            "event": "chargingStatus",
            "data": {"status": "charging"},
            "widget": widget,
            "charger": charger,
            "pairing": 5,
            "revision": [EPOCH, sequence],
            "thresholds": 1,
            "received_at": EPOCH,
        },
        separators=(",", ":"),
    )


def doorbell(widget: str, charger: str, sequence: int) -> str:
    """A doorbell of a reading as it is published."""
    return json.dumps(
        {
            "event": "StateOfCharge",
            "data": {"soc": 70.5},
            "charger": charger,
            "revision": [EPOCH, sequence],
            "pairing": 5,
            "widget": widget,
            "received_at": EPOCH,
        },
        separators=(",", ":"),
    )


def admit(names: ChargerNames, ids: Sequence[str]) -> Call:
    """Give chargers epochs."""
    keys = (names.directory, names.directory_version, names.live)
    return Call(gateway.ADMIT, keys, [1, *_each(ids, LATER, 0)])


def store(names: ChargerNames, ids: Sequence[str], sequence: int) -> Call:
    """Store readings."""
    words = [names.readings, LATER, *_each(ids, EPOCH, sequence, "70.5", 1500, MARK)]
    keys = (names.directory, names.directory_version, names.live, names.pending)
    return Call(gateway.STORE, keys, words)


def light(names: WidgetNames, ids: Sequence[str], sequence: int) -> Call:
    """Write statuses."""
    words: list[Argument] = []
    for device in ids:
        charger = device.replace("w", "c")
        words += (device, names.status_channel(device), 5, EPOCH, sequence, 1, charger)
        words += ("charging", status(device, charger, sequence), "")
    keys = (names.directory, names.directory_version, names.statuses, names.transitions)
    return Call(router.LIGHT, keys, words)


def clear_pending(names: ChargerNames, ids: Sequence[str], sequence: int) -> Call:
    """Clear routed readings."""
    keys = (names.directory, names.live, names.pending)
    return Call(router.CLEAR_PENDING, keys, _each(ids, EPOCH, sequence, 5))


def reconcile(names: ChargerNames, ids: Sequence[str], sequence: int) -> Call:
    """Compare chargers with what is stored."""
    keys = (names.directory, names.directory_version, names.live)
    facts = (fingerprint(EPOCH, sequence), known_pairing(5, MARK))
    return Call(gateway.RECONCILE, keys, _each(ids, *facts))


def read_status(names: WidgetNames, ids: Sequence[str]) -> Call:
    """Read statuses."""
    return Call(
        gateway.READ_STATUS, (names.directory, names.directory_version, names.statuses), list(ids)
    )


def update_presence(names: ChargerNames | WidgetNames, ids: Sequence[str], epoch: int) -> Call:
    """Write that devices are online; widgets have the epoch 0."""
    of_chargers = isinstance(names, ChargerNames)
    script = gateway.UPDATE_CHARGER_PRESENCE if of_chargers else gateway.UPDATE_WIDGET_PRESENCE
    words = [names.presence_changes, "gateway-a", 1, LATER, *_each(ids, epoch, 1)]
    return Call(script, (names.directory, names.directory_version, names.presence), words)


def find_overdue(names: ChargerNames) -> Call:
    """Look for overdue readings; there are none."""
    keys = (names.directory, names.directory_version, names.live, names.pending)
    return Call(router.FIND_OVERDUE, keys, [60_000_000, 100])


def lease(names: ChargerNames) -> Call:
    """Renew a lease."""
    return Call(router.LEASE, (names.lease,), ["router", 2000])


def _each(ids: Sequence[str], *facts: Argument) -> list[Argument]:
    """The same facts for each device."""
    return [word for device in ids for word in (device, *facts)]
