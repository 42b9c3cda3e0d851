"""Where a run wants it, each service is a user of its own in Redis."""

import pytest

from tests.fixtures.redis_at import USERS, VARIABLE, url_of
from tools.servers.credentials import SERVICES

OWN = f"redis://{SERVICES.at('127.0.0.1:1')}/0"
OF_A_TEST = "redis://keeper:secret@127.0.0.1:1/0"


def test_a_service_is_itself_unless_a_test_says_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, USERS)
    itself = f"redis://chargelight-gateway:{SERVICES.password}@127.0.0.1:1/0"
    assert url_of("gateway", OWN) == itself
    assert url_of("gateway", OF_A_TEST) == OF_A_TEST


def test_without_users_all_services_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert url_of("gateway", OWN) == OWN
