"""Pairings are dated by the clock of the server that judges the charger's readings."""

from collections.abc import Sequence

from services.registry.directory.projection import AGE_SLACK_US, Projection
from services.registry.directory.snapshot import ChargerEntry
from shared.bus.script import Call
from shared.contract.names import Names, partition_of
from tests.unit.shared.fake_bus import FakeBus

HOUR_US = 3_600_000_000
NOW = 1_700_000_000_000_000
NAMES = Names(2)


class TwoServers(FakeBus):
    """One per partition; the second one's clock is an hour ahead."""

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        first = NAMES.chargers[0].live
        return [NOW if key == first else NOW + HOUR_US for key in keys]

    def answer_call(self, _call: Call) -> int:
        return 0


async def test_each_pairing_is_dated_by_the_clock_of_its_server() -> None:
    bus = TwoServers()
    ids = [next(i for i in map(str, range(99)) if partition_of(i, 2) == p) for p in (0, 1)]
    projection = Projection(bus, NAMES, lambda: 100.0)
    await projection.write_chargers(
        [ChargerEntry(i, 5, widget="w1", age_us=1_000_000, read_at=100.0) for i in ids]
    )
    paired_at = {call.arguments[2]: call.arguments[8] for call in bus.calls}
    first = NOW - 1_000_000 - AGE_SLACK_US
    assert paired_at == {ids[0]: first, ids[1]: first + HOUR_US}
