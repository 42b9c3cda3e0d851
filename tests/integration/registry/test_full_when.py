"""What counts as full at a charger without a state of charge: over REST, in Postgres, in Redis."""

from typing import Any

import psycopg
import pytest

from tests.integration.registry.by_rest import assert_problem, paired, registered
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry
from tests.integration.registry.in_redis import InRedis

PATH = "/chargers/c1/full-when"


@pytest.fixture
async def registry(start_registry: StartRegistry) -> RunningRegistry:
    """A registry that finds changes by their doorbell only, with the pair c1 and w1."""
    running = await start_registry(poll_seconds=3600)
    await registered(running, "/chargers/c1")
    await registered(running, "/widgets/w1")
    await paired(running, "c1", "w1")
    return running


async def full_when(registry: RunningRegistry, setting: str) -> dict[str, Any]:
    answer = await registry.send("PUT", PATH, {"full_when": setting})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert (await registry.send("GET", PATH)).json() == found
    return found


async def test_it_is_off_at_first_and_can_be_set_and_taken_back(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    expected = {"charger": "c1", "full_when": "reported", "projected": True}
    assert (await registry.send("GET", PATH)).json() == expected
    before = await in_redis.credentials("c1")
    assert before is not None
    assert "full_when" not in before
    for setting in ("suspended", "no-energy:10"):
        assert await full_when(registry, setting) == {**expected, "full_when": setting}
        after = await in_redis.credentials("c1")
        assert after is not None
        assert after["full_when"] == setting
        assert after["number"] > before["number"]
    assert await full_when(registry, "reported") == expected
    assert "full_when" not in (await in_redis.credentials("c1") or {"full_when": ""})


async def test_it_is_no_new_pairing(registry: RunningRegistry, in_redis: InRedis) -> None:
    before = await in_redis.charger("c1")
    pairing = (await registry.send("GET", "/pairings/c1")).json()
    await full_when(registry, "suspended")
    assert await in_redis.charger("c1") == before
    assert (await registry.send("GET", "/pairings/c1")).json() == pairing


async def test_setting_the_same_again_changes_nothing(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await full_when(registry, "suspended")
    before = await in_redis.credentials("c1")
    await full_when(registry, "suspended")
    assert await in_redis.credentials("c1") == before


async def test_after_redis_was_emptied_it_is_there_again(
    registry: RunningRegistry, in_redis: InRedis, start_registry: StartRegistry
) -> None:
    await full_when(registry, "suspended")
    await in_redis.empty()
    await (await start_registry()).send("GET", PATH)
    found = await in_redis.credentials("c1")
    assert found is not None
    assert found["full_when"] == "suspended"


async def test_it_is_in_the_audit_log(registry: RunningRegistry, by_hand: By) -> None:
    await full_when(registry, "suspended")
    query = "SELECT details FROM audit_log WHERE action = 'changed' AND subject = 'c1'"
    rows = await (await by_hand.execute(query)).fetchall()
    assert [row[0] for row in rows] == [{"full_when": ["reported", "suspended"]}]


@pytest.mark.parametrize("setting", ["", "off", "no-energy:0", "no-energy:1000", 5, None])
async def test_what_is_no_setting_is_refused(registry: RunningRegistry, setting: object) -> None:
    answer = await registry.send("PUT", PATH, {"full_when": setting})
    assert answer.status_code == 422
    assert (await registry.send("GET", PATH)).json()["full_when"] == "reported"


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("charger", ["c2", "C1", "c1:2", "w1", "no%20id"])
async def test_what_is_no_charger_has_none(
    registry: RunningRegistry, method: str, charger: str
) -> None:
    body = {"full_when": "suspended"} if method == "PUT" else None
    answer = await registry.send(method, f"/chargers/{charger}/full-when", body)
    assert_problem(answer, 404)


async def test_a_connector_has_its_own(registry: RunningRegistry, in_redis: InRedis) -> None:
    await registered(registry, "/chargers/c1:2")
    path = "/chargers/c1:2/full-when"
    answer = await registry.send("PUT", path, {"full_when": "suspended"})
    assert answer.json()["charger"] == "c1:2"
    found = await in_redis.credentials("c1:2")
    assert found is not None
    assert found["full_when"] == "suspended"
    assert (await registry.send("GET", PATH)).json()["full_when"] == "reported"


@pytest.mark.usefixtures("registry")
async def test_by_hand_it_keeps_its_form_and_its_number(by_hand: By) -> None:
    number = "SELECT secrets_number FROM chargers WHERE id = 'c1'"
    (before,) = await (await by_hand.execute(number)).fetchone() or (0,)
    await by_hand.execute("UPDATE chargers SET full_when = 'suspended' WHERE id = 'c1'")
    (after,) = await (await by_hand.execute(number)).fetchone() or (0,)
    assert after > before
    with pytest.raises(psycopg.errors.CheckViolation):
        await by_hand.execute("UPDATE chargers SET full_when = 'soon' WHERE id = 'c1'")
