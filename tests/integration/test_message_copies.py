"""What Lua writes is what Python's structs say: each message and each stored value.

The scripts build JSON by hand, because `cjson` would round epochs. So each shape is there twice,
and these tests hold the copies together: no member that the struct does not know, none that it
reads as something else.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, TypeVar, get_args

import msgspec
import pytest

from services.gateway import scripts as gateway
from services.gateway.chargers.stored_fingerprints import fingerprint, known_pairing
from services.registry.directory import scripts as directory
from services.registry.rentals import transitions
from services.router import scripts as router
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call, Script
from shared.contract.credentials import Auth, Credentials
from shared.contract.device_protocol import ChargingStatus
from shared.contract.doorbells import (
    DirectoryChange,
    ReadingDoorbell,
    StatusData,
    StatusDoorbell,
    encode_status,
)
from shared.contract.full_when import REPORTED, SUSPENDED
from shared.contract.names import ChargerNames, Names, WidgetNames
from shared.contract.presence import ChargerPresence, Rejection, RejectionCode, WidgetPresence
from shared.redis_state.values import DirectoryEntry, LiveState
from tests.fixtures.redis_at import bus_to, client_of, hearing

NAMES = Names(64)
CHARGER = NAMES.of_charger("c1234")
WIDGET = NAMES.of_widget("wABCD")
LIGHT_KEYS = (
    *(WIDGET.directory, WIDGET.directory_version),
    *(WIDGET.statuses, WIDGET.transitions),
)

EPOCH = 1_795_494_065_317_044
"""One that a double holds exactly, and 14 digits do not."""
TOKEN = "9f2c7a1b4e0d3c55"
AGE_US = 1_000_000
NEVER = EPOCH * 2
MARK = f"8-{TOKEN}"

STATUS = StatusDoorbell(
    data=StatusData(ChargingStatus.CHARGING80),
    widget="wABCD",
    charger="c1234",
    pairing=7,
    revision=(EPOCH, 3),
    thresholds=2,
    received_at=EPOCH + 9,
)

Kind = TypeVar("Kind")


class PresenceChange(msgspec.Struct, forbid_unknown_fields=True):
    """A device came online or went offline. No service reads it; operators' programs do."""

    online: bool
    gateway: str
    at: int
    charger: str = ""
    widget: str = ""


def decoded(raw: bytes, kind: type[Kind]) -> Kind:
    """Decode JSON; fail if anything in it gets lost."""
    value = msgspec.json.decode(raw, type=kind)
    lost = _lost(json.loads(raw), msgspec.to_builtins(value))
    assert not lost, f"{kind.__name__} does not hold {lost} of {raw!r}"
    return value


def _lost(written: Any, held: Any, path: str = "") -> list[str]:
    if isinstance(written, dict) and isinstance(held, dict):
        return [
            lost
            for name, value in written.items()
            for lost in _lost(value, held.get(name), f"{path}.{name}")
        ]
    # A tuple stays a tuple.
    same = written == (list(held) if isinstance(held, tuple) else held)
    return [] if same else [path]


class Writer:
    def __init__(self, bus: Bus, client: Any) -> None:
        self.bus = bus
        self.client = client

    async def run(self, script: Script, keys: tuple[str, ...], *words: Argument) -> Any:
        (answer,) = await self.bus.run([Call(script, keys, list(words))])
        return answer

    async def stored(self, key: str, device: str, kind: type[Kind]) -> Kind:
        return decoded(await self.client.hget(key, device), kind)

    async def project_charger(self, number: int, *, registered: bool = True, widget: str) -> None:
        """Write a charger's directory entry."""
        await self.run(
            directory.PROJECT_CHARGERS,
            (
                CHARGER.directory,
                CHARGER.directory_version,
                CHARGER.live,
                CHARGER.pending,
                CHARGER.credentials,
                CHARGER.presence,
                CHARGER.rejections,
                CHARGER.transactions,
                CHARGER.ocpp,
            ),
            CHARGER.directory_changes,
            CHARGER.presence_changes,
            *("c1234", number, "registered" if registered else "unregistered", widget),
            *(TOKEN if widget else "", AGE_US),
        )

    async def project_widget(self, number: int, *, registered: bool = True, charger: str) -> None:
        await self.run(
            directory.PROJECT_WIDGETS,
            (
                WIDGET.directory,
                WIDGET.directory_version,
                WIDGET.statuses,
                WIDGET.credentials,
                WIDGET.presence,
                WIDGET.rejections,
            ),
            WIDGET.directory_changes,
            WIDGET.presence_changes,
            *("wABCD", number, "registered" if registered else "unregistered", charger),
        )

    async def store(self, soc: str, sequence: int = 3) -> None:
        (answer,) = await self.run(
            gateway.STORE,
            (CHARGER.directory, CHARGER.directory_version, CHARGER.live, CHARGER.pending),
            *(CHARGER.readings, 0),
            *("c1234", EPOCH, sequence, soc, 1500, MARK),
        )
        assert answer == b"stored"

    async def store_traced(self, traceparent: str, *, sequence: int) -> None:
        """Store a reading that is traced."""
        (answer,) = await self.run(
            gateway.STORE,
            (CHARGER.directory, CHARGER.directory_version, CHARGER.live, CHARGER.pending),
            *(CHARGER.readings, 0),
            *("c1234", EPOCH, sequence, "70", 1500, MARK),
            json.dumps({"c1234": traceparent}),
        )
        assert answer == b"stored"

    async def attend(
        self, script: Script, names: ChargerNames | WidgetNames, *words: Argument
    ) -> None:
        """Tell that a device is here (1) or left (0)."""
        (answer,) = await self.run(
            script,
            (names.directory, names.directory_version, names.presence),
            *(names.presence_changes, "gateway-a", 0, NEVER, *words),
        )
        assert answer == b"noted"

    async def sweep(self, script: Script, names: ChargerNames | WidgetNames) -> None:
        """Turn all devices of a gateway to offline."""
        words = (names.presence_changes, "gateway-a", NEVER, 0)
        assert await self.run(script, (names.presence,), *words) == 1


@pytest.fixture
async def writer(redis_url: str) -> AsyncIterator[Writer]:
    bus = bus_to(redis_url)
    async with client_of(redis_url) as client:
        yield Writer(bus, client)
    await bus.close()


async def until_heard(heard: list[tuple[str, bytes]], count: int) -> list[bytes]:
    async with asyncio.timeout(30):
        while len(heard) < count:  # noqa: ASYNC110 - the list rings no bell
            await asyncio.sleep(0.01)
    return [payload for _, payload in heard]


async def test_directory_entries(writer: Writer, redis_url: str) -> None:
    channels = (CHARGER.directory_changes, WIDGET.directory_changes)
    async with hearing(redis_url, *channels) as heard:
        await writer.project_charger(7, widget="")
        entry = await writer.stored(CHARGER.directory, "c1234", DirectoryEntry)
        assert entry == DirectoryEntry(pairing=7)
        await writer.project_charger(8, widget="wABCD")
        entry = await writer.stored(CHARGER.directory, "c1234", DirectoryEntry)
        assert abs(time.time() * 1_000_000 - AGE_US - entry.paired_at) < 60_000_000
        assert entry == DirectoryEntry(8, token=TOKEN, paired_at=entry.paired_at, widget="wABCD")
        await writer.project_charger(9, registered=False, widget="")
        entry = await writer.stored(CHARGER.directory, "c1234", DirectoryEntry)
        assert entry == DirectoryEntry(9, unregistered=True)
        await writer.project_widget(7, charger="")
        entry = await writer.stored(WIDGET.directory, "wABCD", DirectoryEntry)
        assert entry == DirectoryEntry(pairing=7)
        await writer.project_widget(8, charger="c1234")
        entry = await writer.stored(WIDGET.directory, "wABCD", DirectoryEntry)
        assert entry == DirectoryEntry(8, charger="c1234")
        await writer.project_widget(9, registered=False, charger="")
        entry = await writer.stored(WIDGET.directory, "wABCD", DirectoryEntry)
        assert entry == DirectoryEntry(9, unregistered=True)
        changes = [decoded(raw, DirectoryChange) for raw in await until_heard(heard, 6)]
    assert {tuple(change.ids) for change in changes} == {("c1234",), ("wABCD",)}


async def test_a_directory_that_is_complete_or_loses_entries(
    writer: Writer, redis_url: str
) -> None:
    keys = (CHARGER.directory, CHARGER.directory_version, CHARGER.credentials)
    async with hearing(redis_url, CHARGER.directory_changes) as heard:
        assert await writer.run(directory.COMPLETE, keys, CHARGER.directory_changes, 0) == 1
        await writer.project_charger(7, widget="")
        removed = await writer.run(
            directory.REMOVE_STRAYS,
            (*keys, CHARGER.presence, CHARGER.rejections, CHARGER.live, CHARGER.pending),
            *(CHARGER.directory_changes, 7, "c1234"),
        )
        assert removed == [1, b"c1234"]
        changes = [decoded(raw, DirectoryChange).ids for raw in await until_heard(heard, 3)]
    assert changes == [[], ["c1234"], ["c1234"]]


@pytest.mark.parametrize("full_when", [REPORTED, SUSPENDED, "no-energy:10"])
@pytest.mark.parametrize("auth", get_args(Auth))
async def test_credentials(writer: Writer, auth: Auth, full_when: str) -> None:
    digests = ["0" * 64, "f" * 64]
    words = (
        *(CHARGER.directory_changes, "c1234", 7, EPOCH),
        *(json.dumps(digests, separators=(",", ":")), auth, full_when),
    )
    keys = (CHARGER.credentials, CHARGER.directory_version, CHARGER.live)
    await writer.run(directory.PROJECT_SECRETS, keys, *words)
    raw = await writer.client.hget(CHARGER.credentials, "c1234")
    credentials = Credentials(
        number=7, registered=EPOCH, auth=auth, digests=digests, full_when=full_when
    )
    assert decoded(raw, Credentials) == credentials
    assert msgspec.json.encode(credentials) == raw


@pytest.mark.parametrize("soc", ["0", "79.5", "80", "0.1", "33.333333333333336", "100"])
async def test_readings(writer: Writer, redis_url: str, soc: str) -> None:
    await writer.project_charger(7, widget="")
    async with hearing(redis_url, CHARGER.readings) as heard:
        await writer.store(soc, sequence=3)
        await writer.project_charger(8, widget="wABCD")
        await writer.store(soc, sequence=4)
        unlit, lit = [decoded(raw, ReadingDoorbell) for raw in await until_heard(heard, 2)]
    assert (unlit.charger, unlit.data.soc, unlit.revision) == ("c1234", float(soc), (EPOCH, 3))
    assert (unlit.pairing, unlit.widget) == (0, "")
    assert (lit.pairing, lit.widget, lit.revision) == (8, "wABCD", (EPOCH, 4))
    live = await writer.stored(CHARGER.live, "c1234", LiveState)
    assert live.epoch == EPOCH
    assert (live.revision, live.soc) == ((EPOCH, 4), float(soc))
    assert lit.received_at == live.received_at > 0
    found = await writer.run(
        router.FIND_OVERDUE,
        (CHARGER.directory, CHARGER.directory_version, CHARGER.live, CHARGER.pending),
        *(0, 100),
    )
    assert (float(found[2]), found[6]) == (float(soc), b"wABCD")
    assert int(found[7]) == live.received_at
    assert found[8] == b""


async def test_a_reading_that_is_traced(writer: Writer, redis_url: str) -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    await writer.project_charger(8, widget="wABCD")
    async with hearing(redis_url, CHARGER.readings) as heard:
        await writer.store_traced(traceparent, sequence=3)
        await writer.store("71", sequence=4)
        traced, other = [decoded(raw, ReadingDoorbell) for raw in await until_heard(heard, 2)]
    assert (traced.traceparent, traced.revision) == (traceparent, (EPOCH, 3))
    assert (traced.received_at > 0, other.traceparent) == (True, "")
    live = await writer.stored(CHARGER.live, "c1234", LiveState)
    assert live.traceparent == ""
    await writer.store_traced(traceparent, sequence=5)
    live = await writer.stored(CHARGER.live, "c1234", LiveState)
    assert (live.traceparent, live.mark) == (traceparent, MARK)
    found = await writer.run(
        router.FIND_OVERDUE,
        (CHARGER.directory, CHARGER.directory_version, CHARGER.live, CHARGER.pending),
        *(0, 100),
    )
    assert found[8] == traceparent.encode()


async def test_a_live_state_begins_with_what_the_gateway_compares(writer: Writer) -> None:
    await writer.project_charger(7, widget="")
    keys = (CHARGER.directory, CHARGER.directory_version, CHARGER.live)
    _, epoch, told = await writer.run(gateway.ADMIT, keys, EPOCH, "c1234", NEVER, 0)
    assert told == [b"7", b"", b"0"]
    raw = await writer.client.hget(CHARGER.live, "c1234")
    assert decoded(raw, LiveState) == LiveState(int(epoch))
    assert raw.decode() == fingerprint(int(epoch), 0) + "}"
    await writer.client.delete(CHARGER.live)
    await writer.store("79.5")
    raw = await writer.client.hget(CHARGER.live, "c1234")
    assert raw.decode().startswith(fingerprint(EPOCH, 3))
    assert raw.decode().startswith(fingerprint(EPOCH, 0))
    assert decoded(raw, LiveState).revision == (EPOCH, 3)
    known = known_pairing(7, "")
    (_,) = await writer.run(gateway.RECONCILE, keys, "c1234", fingerprint(EPOCH, 3), known)
    # Written again, by the other function of the model.
    later = EPOCH + 1
    await writer.run(gateway.RECONCILE, keys, "c1234", fingerprint(later, 0), known)
    live = await writer.stored(CHARGER.live, "c1234", LiveState)
    assert (live.epoch, live.revision, live.soc) == (later, (EPOCH, 3), 79.5)
    assert live.mark == MARK


async def test_a_directory_entry_begins_with_what_the_gateway_knows(writer: Writer) -> None:
    await writer.project_charger(7, widget="")
    assert await writer.client.hget(CHARGER.directory, "c1234") == known_pairing(7, "").encode()
    await writer.project_charger(8, widget="wABCD")
    raw = await writer.client.hget(CHARGER.directory, "c1234")
    assert raw.startswith(known_pairing(8, MARK).encode())
    assert decoded(raw, DirectoryEntry).mark == MARK


async def test_a_status_is_stored_and_announced_as_the_router_encodes_it(
    writer: Writer, redis_url: str
) -> None:
    await writer.project_widget(7, charger="c1234")
    channel = WIDGET.status_channel("wABCD")
    async with hearing(redis_url, channel) as heard:
        answer = await writer.run(
            router.LIGHT,
            LIGHT_KEYS,
            *("wABCD", channel, 7, EPOCH, 3, 2, "c1234", "charging80", encode_status(STATUS)),
            "",
        )
        assert answer == [b"lit"]
        (message,) = await until_heard(heard, 1)
    assert message == await writer.client.hget(WIDGET.statuses, "wABCD") == encode_status(STATUS)
    assert decoded(message, StatusDoorbell) == STATUS
    keys = (WIDGET.directory, WIDGET.directory_version, WIDGET.statuses)
    pairing, status, _ = await writer.run(gateway.READ_STATUS, keys, "wABCD")
    assert (int(pairing), status) == (7, message)


async def test_a_transition_is_one_that_the_registry_records(writer: Writer) -> None:
    await writer.project_widget(7, charger="c1234")
    await writer.run(
        router.LIGHT,
        LIGHT_KEYS,
        *("wABCD", WIDGET.status_channel("wABCD"), 7, EPOCH, 3, 2, "c1234", "charging80"),
        *(encode_status(STATUS), ""),
    )
    ((entry_id, fields),) = await writer.client.xrange(WIDGET.transitions)
    cells = [cell for pair in fields.items() for cell in pair]
    found = transitions.decode(entry_id, cells)
    assert found is not None
    assert (found.charger, found.pairing, found.status) == ("c1234", 7, ChargingStatus.CHARGING80)


async def test_presence_of_chargers(writer: Writer, redis_url: str) -> None:
    async with hearing(redis_url, CHARGER.presence_changes) as heard:
        for number, ending in ((7, "left"), (8, "swept"), (9, "unregistered")):
            await writer.project_charger(number, widget="")
            await writer.attend(gateway.UPDATE_CHARGER_PRESENCE, CHARGER, "c1234", EPOCH, 1)
            here = await writer.stored(CHARGER.presence, "c1234", ChargerPresence)
            assert (here.gateway, here.epoch, here.left) == ("gateway-a", EPOCH, None)
            if ending == "left":
                await writer.attend(gateway.UPDATE_CHARGER_PRESENCE, CHARGER, "c1234", EPOCH, 0)
            elif ending == "swept":
                await writer.sweep(gateway.SWEEP_CHARGERS, CHARGER)
            else:
                await writer.project_charger(number + 1, registered=False, widget="")
                break
            gone = await writer.stored(CHARGER.presence, "c1234", ChargerPresence)
            assert gone.left is not None
            assert gone.left >= gone.since
        changes = [decoded(raw, PresenceChange) for raw in await until_heard(heard, 6)]
    assert [change.online for change in changes] == [True, False] * 3
    assert {(change.charger, change.gateway) for change in changes} == {("c1234", "gateway-a")}


async def test_presence_of_widgets(writer: Writer, redis_url: str) -> None:
    async with hearing(redis_url, WIDGET.presence_changes) as heard:
        for number, ending in ((7, "left"), (8, "swept"), (9, "unregistered")):
            await writer.project_widget(number, charger="")
            await writer.attend(gateway.UPDATE_WIDGET_PRESENCE, WIDGET, "wABCD", 0, 1)
            here = await writer.stored(WIDGET.presence, "wABCD", WidgetPresence)
            assert (list(here.gateways), here.left) == (["gateway-a"], None)
            if ending == "left":
                await writer.attend(gateway.UPDATE_WIDGET_PRESENCE, WIDGET, "wABCD", 0, 0)
            elif ending == "swept":
                await writer.sweep(gateway.SWEEP_WIDGETS, WIDGET)
            else:
                await writer.project_widget(number + 1, registered=False, charger="")
                break
            gone = await writer.stored(WIDGET.presence, "wABCD", WidgetPresence)
            assert gone.gateways == {}
            assert gone.left is not None
        changes = [decoded(raw, PresenceChange) for raw in await until_heard(heard, 6)]
    assert [change.online for change in changes] == [True, False] * 3
    assert {(change.widget, change.gateway) for change in changes} == {("wABCD", "gateway-a")}


async def test_rejections(writer: Writer) -> None:
    await writer.project_charger(7, widget="")
    keys = (CHARGER.directory, CHARGER.directory_version, CHARGER.rejections)
    message = 'not JSON: "}\\'
    code = msgspec.json.encode(RejectionCode.NOT_JSON)
    words = ("gateway-a", "c1234", 1000, code, msgspec.json.encode(message))
    assert await writer.run(gateway.RECORD_REJECTIONS, keys, *words) == 1
    rejection = await writer.stored(CHARGER.rejections, "c1234", Rejection)
    assert (rejection.gateway, rejection.code) == ("gateway-a", RejectionCode.NOT_JSON)
    assert rejection.message == message
