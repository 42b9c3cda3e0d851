"""Traces: from a charger's frame to the widget's, by way of two gateways and a router."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.fixtures.trace_receiver import ReceivedSpan, TraceReceiver, receiving
from tests.integration.hub.booth import (
    CHARGED,
    CHARGING,
    CHARGING80,
    SOON,
    Stored,
    compact,
    reading,
    receipt,
    received,
)
from tests.integration.hub.conftest import StartGateway, StartRouter
from tools.servers.ports import free_port

PATH = [
    ("charger reading", "chargelight-gateway"),
    ("store reading", "chargelight-gateway"),
    ("route reading", "chargelight-router"),
    ("write status", "chargelight-router"),
    ("light widget", "chargelight-gateway"),
]
"""A trace: its spans, each below the one before, and who makes them."""


@pytest.fixture
def receiver() -> Iterator[TraceReceiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def registered(stored: Stored) -> Stored:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    return stored


async def whole_trace(receiver: TraceReceiver) -> list[ReceivedSpan]:
    """Wait for the last span of the only trace there is."""
    async with asyncio.timeout(SOON):
        while len(receiver.spans) < len(PATH):  # noqa: ASYNC110 - it is another thread's
            await asyncio.sleep(0.01)
    (chain,) = receiver.chains()
    assert [(span.name, span.service) for span in chain] == PATH
    assert len({span.trace for span in receiver.spans}) == 1
    return chain


async def test_a_reading_is_one_trace_from_the_chargers_frame_to_the_widgets(
    registered: Stored,
    start_gateway: StartGateway,
    start_router: StartRouter,
    receiver: TraceReceiver,
) -> None:
    traced = {"traces_url": receiver.url, "traces_sample": 1}
    await start_router(**traced)
    of_chargers, of_widgets = await start_gateway(**traced), await start_gateway(**traced)
    async with of_widgets.widget("wABCD") as widget, of_chargers.charger("c1234") as charger:
        await charger.send(reading(85))
        assert await received(widget) == CHARGING80
        chain = await whole_trace(receiver)
        accepted, stored, routed, written, lit = chain
        assert accepted.began_at <= stored.began_at <= routed.began_at <= written.began_at
        assert written.began_at <= lit.began_at <= lit.ended_at
        assert all(span.began_at <= span.ended_at for span in chain)
        assert accepted.attributes == {
            "chargelight.charger": "c1234",
            "chargelight.outcome": "stored",
        }
        assert routed.attributes == {
            "chargelight.charger": "c1234",
            "chargelight.widget": "wABCD",
            "chargelight.overdue": False,
        }
        assert lit.attributes == {"chargelight.widget": "wABCD"}
        live = await registered.live("c1234")
        assert live is not None
        # Behind it are flags: sampled, and perhaps that the trace's id is random.
        assert live["traceparent"][:-2] == f"00-{stored.trace.hex()}-{stored.own.hex()}-"


async def test_a_reading_whose_doorbell_was_lost_is_one_trace_too(
    registered: Stored,
    start_gateway: StartGateway,
    start_router: StartRouter,
    receiver: TraceReceiver,
) -> None:
    traced = {"traces_url": receiver.url, "traces_sample": 1}
    booth = await start_gateway(**traced)
    async with booth.widget("wABCD") as widget:
        async with booth.charger("c1234") as charger:
            await charger.send(reading(85))
            await receipt(charger)  # it is stored, and no router heard of it
        async with booth.charger("c1234"):  # a new epoch: what is stored is written again
            await registered.until(lambda: _has_new_epoch(registered))
            await start_router(**traced)
            assert await received(widget) == CHARGING80
        routed = (await whole_trace(receiver))[2]
        assert routed.attributes["chargelight.overdue"] is True


async def _has_new_epoch(stored: Stored) -> bool:
    live = await stored.live("c1234")
    return live is not None and live["epoch"] > live["revision"][0]


async def test_only_readings_that_are_drawn_carry_something(
    registered: Stored,
    start_gateway: StartGateway,
    start_router: StartRouter,
    receiver: TraceReceiver,
) -> None:
    await start_router(traces_url=receiver.url, traces_sample=1)
    booth = await start_gateway(traces_url=receiver.url, traces_sample=0)
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(reading(85))
        assert await received(widget) == CHARGING80
    live = await registered.live("c1234")
    assert live is not None
    assert "traceparent" not in live
    await booth.stop()  # what there is would be sent now
    assert receiver.spans == []


async def test_services_without_traces_work_with_those_that_have_them(
    registered: Stored,
    start_gateway: StartGateway,
    start_router: StartRouter,
    receiver: TraceReceiver,
) -> None:
    await start_router()
    traced = await start_gateway(traces_url=receiver.url, traces_sample=1)
    untraced = await start_gateway()
    async with untraced.widget("wABCD") as widget:
        async with traced.charger("c1234") as charger:
            await charger.send(reading(85))
            assert await received(widget) == CHARGING80
        async with untraced.charger("c1234") as charger:
            await charger.send(reading(100))
            assert await received(widget) == CHARGED
    live = await registered.live("c1234")
    assert live is not None
    assert "traceparent" not in live
    await traced.stop()
    assert {span.name for span in receiver.spans} == {"charger reading", "store reading"}


async def test_what_a_charger_sends_is_no_context(
    registered: Stored, start_gateway: StartGateway, receiver: TraceReceiver
) -> None:
    booth = await start_gateway(traces_url=receiver.url, traces_sample=1)
    sent = f"00-{'a' * 32}-{'b' * 16}-01"
    message = {**json.loads(reading(85)), "traceparent": sent}
    async with booth.charger("c1234") as charger:
        await charger.send(json.dumps(message))
        await receipt(charger)
    live = await registered.live("c1234")
    assert live is not None
    assert sent[3:35] not in live["traceparent"]


@pytest.mark.parametrize(
    "broken", [7, None, {"a": []}, "", "x" * 55, 'a"b', f"00-{'0' * 32}-{'b' * 16}-01"]
)
async def test_a_broken_context_costs_no_light(
    registered: Stored,
    start_gateway: StartGateway,
    start_router: StartRouter,
    receiver: TraceReceiver,
    broken: object,
) -> None:
    booth = await start_gateway()
    async with booth.widget("wABCD") as widget:
        await booth.report("c1234", 85)
        live = await registered.live("c1234")
        assert live is not None
        of_charger = registered.names.of_charger("c1234")
        live["traceparent"] = broken
        await registered.client.hset(of_charger.live, "c1234", compact(live))
        async with booth.charger("c1234"):  # a new epoch: what is stored is written again
            await registered.until(lambda: _has_new_epoch(registered))
            await start_router(traces_url=receiver.url, traces_sample=1)
            assert await received(widget) == CHARGING80
    assert await registered.level("c1234") == 85


@pytest.mark.usefixtures("registered")
async def test_a_receiver_that_is_away_delays_no_light(
    start_gateway: StartGateway, start_router: StartRouter
) -> None:
    away = {"traces_url": f"http://127.0.0.1:{free_port()}", "traces_sample": 1}
    await start_router(**away)
    booth = await start_gateway(**away)
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        for level, status in [(10, CHARGING), (85, CHARGING80), (100, CHARGED)] * 20:
            await charger.send(reading(level))
            async with asyncio.timeout(SOON):
                assert await received(widget) == status
