"""No older status ever replaces a newer one, and none falls between reading and hearing."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.settings import GatewaySettings
from services.gateway.widgets.widget_connection import WidgetConnection
from services.gateway.widgets.widgets import Widgets
from services.router import scripts
from shared.bus.script import Call
from shared.contract.device_protocol import ChargingStatus
from shared.contract.doorbells import StatusData, StatusDoorbell, encode_status
from tests.fixtures.redis_at import bus_to, url_of
from tests.integration.hub.booth import CHARGED, CHARGING, Booth, Stored, received
from tests.unit.shared.fake_bus import FakeSubscriber

NEWER = (2_000_000_000_000_000, 5)
OLDER = (2_000_000_000_000_000, 4)


def _status(
    status: str, revision: tuple[int, int], pairing: int = 7, thresholds: int = 1
) -> StatusDoorbell:
    return StatusDoorbell(
        data=StatusData(ChargingStatus(status)),
        widget="wABCD",
        charger="c1234",
        pairing=pairing,
        revision=revision,
        thresholds=thresholds,
    )


async def _light(redis_url: str, stored: Stored, status: StatusDoorbell) -> str:
    bus = bus_to(redis_url)
    names = stored.names.of_widget(status.widget)
    arguments = [
        status.widget,
        names.status_channel(status.widget),
        status.pairing,
        *status.revision,
        status.thresholds,
        status.charger,
        status.data.status.value,
        encode_status(status),
        "",
    ]
    keys = (names.directory, names.directory_version, names.statuses, names.transitions)
    ((answer,),) = await bus.run([Call(scripts.LIGHT, keys, arguments)])
    await bus.close()
    return str(answer.decode())


@pytest.mark.parametrize(
    ("second", "answer", "left"),
    [
        (_status("charging", OLDER), f"ahead {NEWER[0]} {NEWER[1]}", "charged"),
        (_status("charged", NEWER), "stale", "charged"),
        (_status("charging", NEWER), f"ahead {NEWER[0]} {NEWER[1]}", "charged"),
        (_status("charging", (NEWER[0], 6)), "lit", "charging"),
        (_status("charging", (NEWER[0] + 1, 1)), "lit", "charging"),
        (_status("charging", NEWER, thresholds=2), "lit", "charging"),
        (_status("charging", OLDER, thresholds=2), f"ahead {NEWER[0]} {NEWER[1]}", "charged"),
        (_status("charging", (NEWER[0], 6), pairing=6), "mismatch", "charged"),
        (_status("charging", (NEWER[0], 6), pairing=8), "mismatch", "charged"),
    ],
)
async def test_the_fence_lets_only_newer_statuses_of_this_pairing_through(
    redis_url: str, stored: Stored, second: StatusDoorbell, answer: str, left: str
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    assert await _light(redis_url, stored, _status("charged", NEWER)) == "lit"
    assert await _light(redis_url, stored, second) == answer
    assert await stored.status("wABCD") == left


async def test_without_an_entry_of_the_widget_nothing_is_written(
    redis_url: str, stored: Stored
) -> None:
    assert await _light(redis_url, stored, _status("charged", NEWER)) == "mismatch"
    assert await stored.status("wABCD") is None


async def test_a_widget_is_not_shown_an_older_status_that_arrives_late(
    booth: Booth, stored: Stored
) -> None:
    channel = stored.names.of_widget("wABCD").status_channel("wABCD")
    async with booth.widget("wABCD") as widget:
        await stored.until(lambda: _is_heard(stored, channel))
        await stored.client.publish(channel, encode_status(_status("charging", NEWER)))
        assert await received(widget) == CHARGING
        await stored.client.publish(channel, encode_status(_status("charging80", OLDER)))
        await stored.client.publish(channel, encode_status(_status("charged", (NEWER[0], 6))))
        assert await received(widget) == CHARGED


async def test_what_is_no_status_on_a_channel_harms_nobody(booth: Booth, stored: Stored) -> None:
    channel = stored.names.of_widget("wABCD").status_channel("wABCD")
    readings = stored.names.of_charger("c1234").readings
    async with booth.widget("wABCD") as widget:
        await stored.until(lambda: _is_heard(stored, channel))
        for nonsense in ("hello", "{}", '{"event":1}'):
            await stored.client.publish(channel, nonsense)
            await stored.client.publish(readings, nonsense)
        await booth.report("c1234", 100)
        assert await received(widget) == CHARGED


class _Silent(WidgetConnection):
    """A widget's connection without a socket, which notes what it is to show."""

    is_open = True

    def __init__(self, widgets: Widgets) -> None:
        super().__init__(None, "wABCD", widgets)  # type: ignore[arg-type]
        self.shown: list[str] = []

    def show(self, status: StatusDoorbell) -> bool:
        is_newer = status.pairing == self.pairing and status.fence > self._fence
        if is_newer:
            self._fence = status.fence
            self.shown.append(status.data.status)
        return is_newer


@pytest.fixture
def subscriber() -> FakeSubscriber:
    return FakeSubscriber()


@pytest.fixture
async def widgets(
    redis_url: str, stored: Stored, subscriber: FakeSubscriber
) -> AsyncIterator[Widgets]:
    """A gateway's widgets; wABCD is lit with an old status."""
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    await _light(redis_url, stored, _status("charging", OLDER))
    bus = bus_to(redis_url)
    yield Widgets(
        bus,
        subscriber,
        stored.names,
        ConnectionContext(GatewaySettings(redis_url=url_of("gateway", redis_url))),
        devices=ConnectedDevices(),
        trust=DirectoryTrust(),
        rng=random.Random(1),
    )
    await bus.close()


async def test_nothing_is_read_before_the_subscription_is_confirmed(
    redis_url: str, stored: Stored, widgets: Widgets, subscriber: FakeSubscriber
) -> None:
    reading = asyncio.create_task(widgets.read())
    widget = _Silent(widgets)
    widgets.on_connected(widget)
    widgets.read_all()
    await asyncio.sleep(0.2)
    # A status that comes now is not heard: had the old one been read, this one would
    # be missed for good.
    await _light(redis_url, stored, _status("charged", NEWER))
    assert widget.shown == []
    channel = stored.names.of_widget("wABCD").status_channel("wABCD")
    subscriber.confirm(channel)
    await stored.until(lambda: _true(widget.shown))
    assert widget.shown == ["charged"]
    reading.cancel()


async def test_a_status_heard_while_the_snapshot_is_on_its_way_is_not_missed(
    stored: Stored, widgets: Widgets, subscriber: FakeSubscriber
) -> None:
    channel = stored.names.of_widget("wABCD").status_channel("wABCD")
    subscriber.confirmed.add(channel)
    widget = _Silent(widgets)
    widgets.on_connected(widget)
    widgets.on_message(channel, encode_status(_status("charged", NEWER)))
    reading = asyncio.create_task(widgets.read())
    await stored.until(lambda: _true(widget.shown))
    assert widget.shown == ["charged"]
    reading.cancel()


async def _true(value: object) -> bool:
    return bool(value)


async def _is_heard(stored: Stored, channel: str) -> bool:
    ((_, count),) = await stored.client.pubsub_numsub(channel)
    return bool(count)
