"""A whole festival in one import, and its directory in Redis."""

import random
from collections import Counter

from services.registry.directory.snapshot import CHUNK
from shared.bus.bus import Bus
from shared.contract.names import Names
from tests.integration.registry.by_rest import CSV
from tests.integration.registry.conftest import StartRegistry, eventually
from tests.integration.registry.in_redis import InRedis

PARTITIONS = 64  # the default: with it, each script has a few of each chunk
PAIRS = 25_000
ANSWER_SECONDS = 180.0
PROJECTED_SECONDS = 120.0


def _file() -> str:
    """A file that names each charger before the widget it is paired with."""
    pairs = (
        f"charger,c{number:05},Charger {number},hall {number % 40},w{number:05}\n"
        f"widget,w{number:05},Widget {number},,\n"
        for number in range(PAIRS)
    )
    return "kind,id,label,location,widget\n" + "".join(pairs)


async def test_fifty_thousand_devices_are_imported_in_one_call_and_all_in_redis(
    start_registry: StartRegistry, bus: Bus
) -> None:
    names = Names(PARTITIONS)
    in_redis = InRedis(bus, names)
    registry = await start_registry(partitions=PARTITIONS)
    answer = await registry.client.post(
        f"{registry.url}/import",
        content=_file(),
        headers={"content-type": CSV},
        timeout=ANSWER_SECONDS,
    )
    assert answer.status_code == 200, answer.text
    did = answer.json()
    assert (did["rows"], did["created"], did["paired"]) == (2 * PAIRS, 2 * PAIRS, PAIRS)
    number = did["pairing_number"]

    async def is_projected() -> bool:
        found = await registry.client.get(f"{registry.url}/chargers/c00000")
        return bool(found.json()["projected"])

    await eventually(is_projected, within=PROJECTED_SECONDS)

    # Every entry is in its own tag, and each has credentials beside it.
    expected = [
        Counter(names.of_charger(f"c{n:05}").directory for n in range(PAIRS)),
        Counter(names.of_widget(f"w{n:05}").directory for n in range(PAIRS)),
    ]
    assert sum(each.total() for each in expected) == 2 * PAIRS > CHUNK
    for tags, of_tag in zip((names.chargers, names.widgets), expected, strict=True):
        entries = await bus.commands([("HLEN", tag.directory) for tag in tags])
        credentials = await bus.commands([("HLEN", tag.credentials) for tag in tags])
        assert entries == [of_tag[tag.directory] for tag in tags]
        assert credentials == entries
    assert None not in await in_redis.versions()

    for n in random.Random(25_000).sample(range(PAIRS), 300):
        charger, widget = f"c{n:05}", f"w{n:05}"
        entry = await in_redis.charger(charger)
        assert entry is not None
        assert entry.pop("paired_at") > 0
        assert len(entry.pop("token")) == 16
        assert entry == {"pairing": number, "widget": widget}
        assert await in_redis.widget(widget) == {"pairing": number, "charger": charger}
        assert await in_redis.credentials(charger) == {"number": number, "digests": []}
    pairings = await registry.client.get(f"{registry.url}/pairings?location=hall+7&limit=1000")
    assert len(pairings.json()["items"]) == PAIRS / 40
