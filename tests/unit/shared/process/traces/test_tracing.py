"""Spans are sent by a thread; while their receiver is away, they are lost, and nothing else is."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from shared.process.traces.time_ns import time_ns
from shared.process.traces.tracing import Tracing
from tests.fixtures.trace_receiver import receiving, tracing_to
from tools.servers.ports import free_port

LONG = 30.0
"""Seconds after which something hangs."""


async def test_a_span_is_received_with_its_parent_and_times() -> None:
    began = time_ns(5)
    with receiving() as receiver:
        async with tracing_to(receiver) as tracing:
            first = tracing.begin("first", None, began, charger="c1", overdue=True)
            parent = tracing.parent_in(tracing.traceparent_of(first))
            tracing.begin("second", parent, time_ns()).end()
            first.end()
    second, got = receiver.spans
    assert (second.parent, second.trace, got.parent) == (got.own, got.trace, b"")
    assert got.began_at == began < second.began_at
    assert got.attributes == {"chargelight.charger": "c1", "chargelight.overdue": True}


async def test_what_no_service_wrote_is_no_parent() -> None:
    tracing = Tracing("http://127.0.0.1:1/v1/traces", 1, {})
    good = f"00-{'a' * 32}-{'b' * 16}-01"
    assert tracing.parent_in(good) is not None
    for broken in (
        *("", "junk", good.encode(), 7, None, [good], good[:-2] + "00", "ff" + good[2:]),
        *(f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01", good.upper()),
    ):
        assert tracing.parent_in(broken) is None, broken
    await tracing.close()


PROGRAM = """
import asyncio, os, sys
from services.router.settings import RouterSettings
from shared.process import logs
from shared.process.traces.opening import open_tracing
from shared.process.traces.time_ns import time_ns

async def main():
    logs.configure(level="info", output="json", service="router", instance_id="r1")
    tracing = open_tracing(RouterSettings.load())
    if tracing is None:
        # redis-py imports a part of OpenTelemetry by itself, wherever it is installed.
        others = {"opentelemetry.sdk.trace", "opentelemetry.exporter", "requests", "google"}
        print(sorted(others & sys.modules.keys()))
        return
    for _ in range(int(sys.argv[1])):
        tracing.begin("span", None, time_ns()).end()
    await asyncio.sleep(float(sys.argv[2]))
    await tracing.close()

import services.gateway.app, services.router.app
asyncio.run(main())
"""


def run(spans: int, seconds: float, **variables: str) -> tuple[str, list[dict[str, Any]]]:
    """Run a process that makes spans; return what it prints, and the lines of its log."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(spans), str(seconds)],
        env={"PATH": "", **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, [json.loads(line) for line in done.stderr.splitlines()]


def test_without_a_receiver_nothing_is_imported_for_traces() -> None:
    assert run(0, 0) == ("[]\n", [])


def test_a_receiver_that_is_away_is_one_line_of_the_log() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    _, lines = run(5000, 4, CHARGELIGHT_TRACES_URL=url)
    (line,) = lines
    assert line["event"] == "traces are lost: their receiver does not take them"
    assert (line["service"], line["instance_id"]) == ("router", "r1")


def test_variables_of_opentelemetry_change_nothing() -> None:
    with receiving() as receiver:
        _, lines = run(
            *(3, 0),
            CHARGELIGHT_TRACES_URL=receiver.url,
            OTEL_SDK_DISABLED="true",
            OTEL_SERVICE_NAME="other",
            OTEL_TRACES_SAMPLER="always_off",
            OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
            HTTP_PROXY="http://127.0.0.1:1",
        )
    assert lines == []
    assert [(span.name, span.service) for span in receiver.spans] == [
        ("span", "chargelight-router")
    ] * 3


async def test_only_so_many_spans_wait_and_making_them_never_does() -> None:
    with socket.socket() as deaf:  # it takes connections, and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        tracing = Tracing(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1/traces", 1, {})
        for _ in range(5000):
            tracing.begin("span", None, time_ns()).end()
        processor: Any = tracing._provider._active_span_processor._span_processors[0]
        assert len(processor._batch_processor._queue) <= 2048
        began = time.monotonic()
        async with asyncio.timeout(LONG):
            await tracing.close()
        assert time.monotonic() - began < LONG


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
async def test_the_share_is_drawn(share: float) -> None:
    tracing = Tracing("http://127.0.0.1:1/v1/traces", share, {})
    drawn = sum(tracing.is_sampled() for _ in range(4000))
    assert abs(drawn - 4000 * share) < 400
    await tracing.close()
