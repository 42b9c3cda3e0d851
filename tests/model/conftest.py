"""The machine with a Redis under it, and the services without their waiting times."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog

from services.gateway.chargers import admission
from services.gateway.connection import rate_limited_reader
from services.registry.directory import lost_changes, snapshot
from services.router import audit, find_overdue
from tests.model.clocks import Clocks
from tests.model.devices import Line
from tests.model.machine import HubMachine
from tests.model.postgres import Postgres, StepSnapshot
from tests.model.server import Server


@pytest.fixture
def hub(redis_admin_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[HubMachine]]:
    """The machine, on an empty Redis; what it replaces in the services is put back afterwards."""
    # How long something has been pending is the model's choice, as all time is.
    monkeypatch.setattr(find_overdue, "OVERDUE_SECONDS", 0.0)
    # And if it is to look at all that is stored, then at once.
    monkeypatch.setattr(audit, "_TURNS", 1)
    monkeypatch.setattr(audit, "_STEPS_PER_PARTITION", 1)
    clocks = Clocks()
    monkeypatch.setattr(admission, "time", clocks)
    monkeypatch.setattr(rate_limited_reader, "unread_bytes", Line.unread_bytes)
    # Set again for each example.
    monkeypatch.setattr(snapshot, "take", snapshot.take)
    monkeypatch.setattr(lost_changes, "Snapshot", StepSnapshot)
    monkeypatch.setattr(lost_changes, "fetch_value", Postgres.fetch_value)
    with (
        structlog.testing.capture_logs(),
        closing(Server(redis_admin_url, clocks)) as server,
    ):

        class Hub(HubMachine):
            pass

        Hub.server = server
        yield Hub
