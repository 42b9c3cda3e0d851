"""The hub at a glance, with processes that come, go and are killed, and servers that are away."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.contract.names import EVENTS, HEARD, INSTANCES
from tests.fixtures.hub import Hub, StartHub
from tests.integration.registry.conftest import eventually

SOON = 30.0
"""Seconds within which the timeline must tell: an instance is lost after 10 s."""

Glance = dict[str, Any]


async def glance(hub: Hub) -> Glance:
    answer = await hub.client.get(f"{hub.registry_url}/hub")
    assert answer.status_code == 200, answer.text
    found: Glance = answer.json()
    return found


async def shows(hub: Hub, fact: Callable[[Glance], object]) -> Glance:
    """Return what the registry sees once a fact holds there."""
    seen: Glance = {}

    async def holds() -> bool:
        nonlocal seen
        seen = await glance(hub)
        return bool(fact(seen))

    await eventually(holds, within=SOON)
    return seen


def instances(seen: Glance) -> dict[str, Any]:
    return {each["id"]: each for each in seen["instances"]}


def told(seen: Glance) -> list[tuple[str, str | None]]:
    """What the timeline tells, the oldest first."""
    return [(each["event"], each["instance"]) for each in reversed(seen["events"])]


async def test_a_whole_hub_is_on_one_screen(hub: StartHub) -> None:
    booth = await hub(gateways=1, routers=1)
    seen = await shows(
        booth,
        lambda seen: (
            len(seen["instances"]) == 3
            and all(each["ready"] for each in seen["instances"])
            and seen["instances"][1]["partitions"] == seen["partitions"]
            and seen["postgres"]["connected"]
        ),
    )
    gateway, router, registry = seen["instances"]
    assert [gateway["service"], router["service"], registry["service"]] == [
        *("gateway", "router", "registry")
    ]
    assert gateway["connections"] == 0
    assert gateway["connections_max"] > 0
    assert (router["overdue"], router["overdue_seconds"]) == (0, 0)
    assert registry["connections"] >= 1  # this request's
    assert registry["id"] == seen["registry"]
    assert seen["redis"]["connected"]
    assert all(each["used_bytes"] > 0 for each in seen["redis"]["servers"])
    assert seen["postgres"]["connections"] >= 1
    assert seen["waiting"] == {
        "devices": 0,
        "unstored": 0,
        "overdue": 0,
        "overdue_seconds": 0,
        "changes": 0,
        "transitions": 0,
    }
    assert {("started", each["id"]) for each in seen["instances"]} <= set(told(seen))
