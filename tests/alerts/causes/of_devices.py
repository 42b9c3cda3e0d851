"""Causes in what devices do."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from websockets.exceptions import WebSocketException

from tests.alerts.causes.scene import READY_SECONDS, Cause, Scene, again_and_again
from tests.fixtures.certificates import Ca
from tests.fixtures.hub import Gateway, connect_device

MOST_CONNECTIONS: Final = 40
_FLOODING: Final = 6
"""Each is disconnected after 10 s, which are not divided."""
_READING: Final = '{"event":"StateOfCharge","data":{"soc":70}}'


def _gateway(scene: Scene) -> Gateway:
    return scene.booth.hub.gateways[0]


@contextlib.asynccontextmanager
async def fill_gateway(scene: Scene) -> AsyncIterator[None]:
    """Widgets connect until the gateway has 9 of 10 connections that it may have."""
    widgets = [f"crowd-{number}" for number in range(MOST_CONNECTIONS)]
    there = len(scene.booth.pairs) * 2
    async with contextlib.AsyncExitStack() as stack:
        for widget in widgets[: int(MOST_CONNECTIONS * 0.9) - there + 1]:
            await scene.booth.hub.register_widget(widget)
            url = _gateway(scene).widget_url(widget)
            await stack.enter_async_context(connect_device(url))
        yield


@contextlib.asynccontextmanager
async def send_nonsense(scene: Scene) -> AsyncIterator[None]:
    """A charger sends levels that there are not."""
    await scene.booth.hub.register_charger("nonsense")
    url = _gateway(scene).charger_url("nonsense")

    async def send() -> None:
        with contextlib.suppress(WebSocketException, OSError):
            async with connect_device(url) as charger:
                for _ in range(4):
                    await charger.send('{"event":"StateOfCharge","data":{"soc":900}}')
                    await charger.recv()

    async with again_and_again(send, 0.3):
        yield


@contextlib.asynccontextmanager
async def send_too_fast(scene: Scene) -> AsyncIterator[None]:
    """Chargers send as fast as they can, and come back when they are disconnected."""

    async def flood(charger: str) -> None:
        with contextlib.suppress(WebSocketException, OSError):
            async with connect_device(_gateway(scene).charger_url(charger)) as connection:
                while True:
                    await connection.send(_READING)

    chargers = [f"fast-{number}" for number in range(_FLOODING)]
    for charger in chargers:
        await scene.booth.hub.register_charger(charger)
    async with contextlib.AsyncExitStack() as stack:
        for charger in chargers:
            await stack.enter_async_context(again_and_again(partial(flood, charger), 0.1))
        yield


@contextlib.asynccontextmanager
async def come_unregistered(scene: Scene) -> AsyncIterator[None]:
    """A charger that is not registered tries again and again."""
    url = _gateway(scene).charger_url("stranger")

    async def knock() -> None:
        with contextlib.suppress(WebSocketException, OSError):
            async with connect_device(url) as charger:
                await charger.recv()

    async with again_and_again(knock, 0.05):
        yield


@contextlib.asynccontextmanager
async def connect_again_and_again(scene: Scene) -> AsyncIterator[None]:
    """A charger connects for each reading."""
    await scene.booth.hub.register_charger("hasty")
    url = _gateway(scene).charger_url("hasty")

    async def say_once() -> None:
        with contextlib.suppress(WebSocketException, OSError):
            async with connect_device(url) as charger:
                await charger.send(_READING)

    async with again_and_again(say_once, 0.02):
        yield


@contextlib.asynccontextmanager
async def let_certificate_end(scene: Scene) -> AsyncIterator[None]:
    """A gateway's certificate ends in five days. Then it is renewed."""
    ca = Ca(scene.booth.folder / "ca", days=400)
    old, new = ca.server("localhost"), ca.server("localhost", file="new", days=90)
    gateway = scene.booth.hub.start_gateway(
        {
            "CHARGELIGHT_REDIS_URL": scene.booth.redis.url,
            "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE": old.certificate,
            "CHARGELIGHT_GATEWAY_TLS_KEY": old.key,
        }
    )
    scene.watch.find_targets()
    await gateway.process.ready(timeout_seconds=READY_SECONDS)
    yield
    shutil.copy(new.key, old.key)
    shutil.copy(new.certificate, old.certificate)


OF_DEVICES: Final = (
    Cause("gateway with 9 of 10 connections", fill_gateway, ("GatewaysFull",)),
    Cause("charger that sends 900 %", send_nonsense, ("BadFrames",)),
    Cause("chargers that flood", send_too_fast, ("TooFast",)),
    Cause("charger that is not registered", come_unregistered, ("Refused",)),
    Cause("charger that connects for each reading", connect_again_and_again, ("DevicesFlapping",)),
    Cause("certificate of five days, then renewed", let_certificate_end, ("CertificateExpires",)),
)
