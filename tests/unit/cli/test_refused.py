"""``chargelight refused``."""

import json

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry

ITEM = {
    "kind": "charger",
    "id": "c1",
    "path": "/charger/c1",
    "address": "10.0.0.7",
    "reason": "wrong_path",
    "count": 3,
    "since": "2026-11-24T09:58:01Z",
    "last_at": "2026-11-24T10:31:52Z",
    "gateway": "gateway-a",
}


def test_who_could_not_connect_is_listed_with_the_reason(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"items": [ITEM]})
    ran = run("refused")
    assert list(registry.asked()) == [("GET", "/refused")]
    shown = ("/charger/c1", "10.0.0.7", "wrong_path", " 3 ", "since")
    assert all(word in ran.output for word in shown)
    assert json.loads(run("--json", "refused").output) == ITEM


def test_nobody_refused_is_said_too(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"items": []})
    assert run("refused").output == "none\n"
