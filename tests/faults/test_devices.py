"""The devices' own look at the time that the test gets."""

import asyncio
import random
import time

from shared.contract.device_protocol import ChargingStatus
from tests.faults.checker import SETTLE_SECONDS, Checker
from tests.faults.devices import Devices
from tests.faults.history import Acknowledged, PairingBegan, PairingInEffect, Sent, WidgetConnected


async def test_a_test_that_stood_still_gives_the_hub_its_time_again() -> None:
    checker = Checker()
    devices = Devices("ws://127.0.0.1:1", "ws://127.0.0.1:1", checker, random.Random(1))
    try:
        now = time.monotonic() - SETTLE_SECONDS + 0.5
        for event in (
            PairingBegan(now, "w1", "c1"),
            PairingInEffect(now, "w1"),
            WidgetConnected(now, "w1"),
            Sent(now, "c1", 1, ChargingStatus.CHARGED),
            Acknowledged(now, "c1", 1),
        ):
            checker.take(event)
        await asyncio.sleep(0)
        time.sleep(1.2)  # noqa: ASYNC251 - it stands still
        await asyncio.sleep(0.1)
        assert checker.not_right(time.monotonic()) == ["w1"]
        assert checker.violations == [], "5 s have passed, but only a moment since it went on"
        checker.not_right(devices.stood_still_until + SETTLE_SECONDS + 0.1)
        assert len(checker.violations) == 1
    finally:
        await devices.close()
