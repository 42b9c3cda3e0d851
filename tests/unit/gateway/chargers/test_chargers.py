"""All chargers of a gateway: given epochs and stored, also while Redis is away."""

from collections.abc import Hashable, Sequence
from typing import Any

from websockets.frames import Opcode

from shared.bus.bus import BusUnavailableError
from shared.bus.script import Call
from shared.contract.names import Names, partition_of
from tests.unit.gateway.chargers.charger_booth import EPOCH, Booth, ChargerBus
from tests.unit.gateway.fake_device import Clock

TWO_PARTITIONS = Names(2)


async def test_a_charger_gets_its_epoch_and_its_reading_is_stored(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    charger.ping(b"a")
    await booth.write()
    assert charger.connection.epoch == EPOCH
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", "")]
    assert charger.got(Opcode.PONG) == [b"a"]
    assert booth.chargers.all_stored


async def test_a_redis_that_is_away_keeps_the_reading_and_the_pong(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    booth.bus.away = True
    charger.report(70)
    charger.report(71)
    charger.ping(b"a")
    await booth.write()
    assert charger.got(Opcode.PONG) == []
    assert charger.close_code is None
    assert not booth.chargers.all_stored
    booth.bus.away = False
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 2, "71", "")]
    assert charger.got(Opcode.PONG) == [b"a"]


async def test_a_redis_that_is_away_keeps_newcomers_waiting_for_their_epoch(
    booth: Booth,
) -> None:
    booth.bus.away = True
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    assert not booth.chargers.all_stored
    booth.bus.away = False
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", "")]


async def test_nothing_counts_as_stored_while_it_is_on_its_way(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    assert not booth.chargers.all_stored  # a drain waits for its epoch, too
    seen: list[bool] = []

    def while_storing(_id: str) -> bytes:
        seen.append(booth.chargers.all_stored)
        return b"stored"

    booth.bus.store = while_storing
    await booth.write()
    assert seen == [False]
    assert booth.chargers.all_stored


class TwoServers(ChargerBus):
    """The partitions of a cluster, of which a server is away."""

    def __init__(self) -> None:
        super().__init__()
        self.away_at: set[object] = set()

    def server_of(self, key: str) -> Hashable:
        tag = TWO_PARTITIONS.chargers[0].live.removesuffix("live")
        return "first" if key.startswith(tag) else "second"

    async def run(self, calls: Sequence[Call], *, return_errors: bool = False) -> list[Any]:
        # As a cluster does it: what went to the others was done all the same.
        answers = [
            []
            if self.server_of(call.keys[0]) in self.away_at
            else (await ChargerBus.run(self, [call], return_errors=return_errors))[0]
            for call in calls
        ]
        if [] in answers:
            raise BusUnavailableError("one of them is away")
        return answers


async def test_while_a_server_is_away_chargers_of_the_others_get_their_receipts(
    clock: Clock,
) -> None:
    booth = Booth(clock)
    booth.bus = bus = TwoServers()
    booth.use(TWO_PARTITIONS)
    here, there = (
        next(i for i in map(str, range(99)) if partition_of(i, 2) == partition)
        for partition in (0, 1)
    )
    devices = [booth.charger(device_id) for device_id in (here, there)]
    await booth.write()
    bus.away_at = {"second"}
    for device in devices:
        device.report(70)
        device.ping(b"stored?")
    await booth.write()
    assert [b"stored?" in device.got(Opcode.PONG) for device in devices] == [True, False]
    bus.away_at = set()
    await booth.write()
    assert [b"stored?" in device.got(Opcode.PONG) for device in devices] == [True, True]
