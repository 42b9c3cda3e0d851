"""The first spans of a trace: which readings are traced, and what becomes of their spans."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.gateway import scripts
from services.gateway.chargers.reading_traces import ReadingTraces
from shared.bus.bus import BusUnavailableError
from tests.fixtures.trace_receiver import TraceReceiver, receiving, tracing_to
from tests.unit.gateway.chargers.charger_booth import Booth, FakeCharger
from tests.unit.gateway.fake_device import Clock


@asynccontextmanager
async def traced(booth: Booth, share: float = 1.0) -> AsyncIterator[TraceReceiver]:
    """Trace readings; all that was sent is there once the context ended."""
    with receiving() as receiver:
        async with tracing_to(receiver, share) as tracing:
            booth.chargers.traced_by(ReadingTraces(tracing, booth.clock))
            yield receiver


def contexts(booth: Booth) -> list[dict[str, str]]:
    """Return what was sent with each call that stores, besides its readings."""
    calls = [call for call in booth.bus.calls if call.script is scripts.STORE]
    beyond = [call.arguments[-1] if len(call.arguments) % 6 == 3 else b"{}" for call in calls]
    return [json.loads(str(text, "utf-8") if isinstance(text, bytes) else "") for text in beyond]


async def test_a_traced_reading_is_stored_with_its_context(
    booth: Booth, charger: FakeCharger, clock: Clock
) -> None:
    async with traced(booth) as receiver:
        charger.report(71)
        clock.now += 2
        await booth.write()
    accepted, stored = receiver.named("charger reading") + receiver.named("store reading")
    assert (accepted.parent, stored.parent) == (b"", accepted.own)
    ((device, context),) = contexts(booth)[-1].items()
    assert (device, context[:-2]) == ("c1", f"00-{accepted.trace.hex()}-{stored.own.hex()}-")
    assert {span.attributes["chargelight.outcome"] for span in receiver.spans} == {"stored"}
    assert charger.connection.trace is None


@pytest.mark.parametrize("share", [0.0, 1.0])
async def test_the_share_says_how_many_are_traced(
    booth: Booth, charger: FakeCharger, share: float
) -> None:
    async with traced(booth, share) as receiver:
        for level in range(20):
            charger.report(level)
            await booth.write()
    assert len(receiver.named("charger reading")) == 20 * share
    assert sum(map(len, contexts(booth))) == 20 * share


async def test_one_that_gives_way_to_a_newer_one_before_it_is_stored_ends_there(
    booth: Booth, charger: FakeCharger
) -> None:
    async with traced(booth) as receiver:
        charger.report(71)
        charger.report(72)
        await booth.write()
    (span,) = receiver.spans
    assert (span.name, span.attributes["chargelight.outcome"]) == ("charger reading", "replaced")
    assert contexts(booth)[-1] == {}


async def test_a_store_that_failed_is_part_of_the_same_span(
    booth: Booth, charger: FakeCharger
) -> None:
    def away(_id: str) -> bytes:
        booth.bus.store = lambda _id: b"stored"
        raise BusUnavailableError("away")

    booth.bus.store = away
    async with traced(booth) as receiver:
        charger.report(71)
        await booth.write()
        await booth.write()
    assert len(receiver.spans) == 2
    first, second = contexts(booth)[-2:]
    assert first == second != {}


async def test_a_refused_reading_says_so(booth: Booth, charger: FakeCharger) -> None:
    booth.bus.store = lambda _id: b"superseded"
    async with traced(booth) as receiver:
        charger.report(71)
        await booth.write()
    assert {span.attributes["chargelight.outcome"] for span in receiver.spans} == {"superseded"}


async def test_a_reading_that_redis_lost_is_no_new_one(booth: Booth, charger: FakeCharger) -> None:
    booth.bus.reconcile = lambda _id: b"missing"
    async with traced(booth) as receiver:
        await booth.reconcile()
        await booth.write()
    assert booth.bus.stored()[-1][3] == "70"
    assert (receiver.spans, charger.connection.trace) == ([], None)
