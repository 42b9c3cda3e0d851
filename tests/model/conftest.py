"""The machine with a Redis under it, and the services without their waiting times."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog

from services.registry.directory import projection, snapshot
from services.router import find_overdue
from tests.model.machine import HubMachine
from tests.model.server import Server


@pytest.fixture
def hub(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[HubMachine]]:
    """The machine, on an empty Redis; what it replaces in the services is put back afterwards."""
    # How long something has been pending is the model's choice, as all time is.
    monkeypatch.setattr(find_overdue, "_OVERDUE_SECONDS", 0.0)
    # These two are set again for each example.
    monkeypatch.setattr(projection, "AGE_SLACK_US", projection.AGE_SLACK_US)
    monkeypatch.setattr(snapshot, "take", snapshot.take)
    with (
        structlog.testing.capture_logs(),
        closing(Server(redis_url)) as server,
    ):

        class Hub(HubMachine):
            pass

        Hub.server = server
        yield Hub
