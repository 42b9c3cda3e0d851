"""A service of the local hub that breaks is shown with what it said last."""

import os
from pathlib import Path

import pytest

from tools.local.errors import LocalHubError
from tools.local.service import Service
from tools.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[3]


def test_a_service_that_ends_is_shown_with_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "broken.log").write_text("what an earlier run said\n")
    service = Service(
        "broken",
        "has_no_such_service",
        environment=dict(os.environ),
        ready_url=f"http://127.0.0.1:{free_port()}/readyz",
        logs=tmp_path,
        root=ROOT,
    )
    with pytest.raises(LocalHubError, match="broken ended with exit code 1") as error:
        service.wait_until_ready()
    assert "No module named services.has_no_such_service" in str(error.value)
    assert "earlier run" not in str(error.value)
