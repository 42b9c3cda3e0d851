"""A test to all destinations."""

import asyncio

import pytest

from services.registry.notify import trial
from services.registry.notify.destinations import Destination
from services.registry.notify.events import Event


class Hanging:
    """Sends for ever."""

    at_once = 1

    async def send(self, event: Event) -> None:
        del event
        await asyncio.Event().wait()


async def test_who_asks_for_a_test_has_an_answer_though_a_destination_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial, "_SECONDS", 0.01)
    async with asyncio.timeout(30):
        (tried,) = await trial.try_all([Destination("ntfy-1", "ntfy://…", Hanging())])
    assert not tried.delivered
    assert "may still arrive" in str(tried.error)
