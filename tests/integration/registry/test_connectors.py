"""Connectors: chargers whose id has a colon, which come after their charger and go with it."""

import uuid
from typing import Any

import psycopg
import pytest

from tests.integration.registry.by_rest import (
    assert_problem,
    exported,
    imported,
    paired,
    refused,
    registered,
)
from tests.integration.registry.conftest import By, RunningRegistry
from tests.integration.registry.in_redis import InRedis

FILE = "kind,id,widget\ncharger,c1:2,w2\ncharger,c1,w1\nwidget,w1,\nwidget,w2,\n"


@pytest.fixture
async def connector(registry: RunningRegistry) -> dict[str, Any]:
    """The connector 2 of the charger c1, paired with w2."""
    await registered(registry, "/chargers/c1")
    made = await registered(registry, "/chargers/c1:2", label="right")
    await registered(registry, "/widgets/w2")
    await paired(registry, "c1:2", "w2")
    return made


async def test_a_connector_is_registered_and_paired_as_a_charger_is(
    registry: RunningRegistry, in_redis: InRedis, connector: dict[str, Any]
) -> None:
    assert (connector["id"], connector["label"]) == ("c1:2", "right")
    entry = await in_redis.charger("c1:2")
    assert entry is not None
    assert entry["widget"] == "w2"
    state = (await registry.send("GET", "/chargers/c1:2/state")).json()
    assert (state["id"], state["widget"]) == ("c1:2", "w2")
    listed = (await registry.send("GET", "/chargers")).json()["items"]
    assert [each["id"] for each in listed] == ["c1", "c1:2"]
    explained = await registry.send("GET", "/explanations/c1:2")
    assert explained.status_code == 200
    assert "charger c1:2" in explained.text


async def test_a_connector_can_be_rented(
    registry: RunningRegistry, connector: dict[str, Any]
) -> None:
    path = f"/rentals/{uuid.uuid4()}"
    answer = await registry.send("PUT", path, {"charger": connector["id"]})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["charger"], answer.json()["widget"]) == ("c1:2", "w2")


async def test_a_connector_needs_its_charger(registry: RunningRegistry) -> None:
    assert_problem(await registry.send("PUT", "/chargers/c1:2", {}), 404, "'c1' is registered")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/chargers/c1:1", "connector 1 has its charger's id"),
        ("/chargers/c1:0", "its number from 2 to 99"),
        ("/chargers/c1:100", "its number from 2 to 99"),
        ("/chargers/c1:2:3", "its number from 2 to 99"),
        ("/widgets/w1:2", "an id is 1 to 64 of"),
    ],
)
async def test_other_ids_with_a_colon_are_refused_with_a_hint(
    registry: RunningRegistry, path: str, words: str
) -> None:
    assert_problem(await registry.send("PUT", path, {}), 422, words)


async def test_a_charger_that_is_unregistered_takes_its_connectors_along(
    registry: RunningRegistry, in_redis: InRedis, connector: dict[str, Any]
) -> None:
    await registered(registry, "/chargers/c10")
    await registered(registry, "/chargers/c10:2")
    assert (await registry.send("DELETE", "/chargers/c1")).status_code == 204
    assert_problem(await registry.send("GET", f"/chargers/{connector['id']}"), 404)
    entry = await in_redis.charger("c1:2")
    assert entry is not None
    assert entry["unregistered"]
    assert (await registry.send("GET", "/widgets/w2")).status_code == 200
    assert (await registry.send("GET", "/chargers/c10:2")).status_code == 200
    audit = (await registry.send("GET", "/audit?limit=100")).json()["items"]
    assert {"c1", "c1:2"} <= {each["subject"] for each in audit if each["action"] == "removed"}


async def test_a_connector_that_is_unregistered_leaves_its_charger(
    registry: RunningRegistry, connector: dict[str, Any]
) -> None:
    assert (await registry.send("DELETE", f"/chargers/{connector['id']}")).status_code == 204
    assert (await registry.send("GET", "/chargers/c1")).status_code == 200


async def test_connectors_are_imported_in_any_order_and_exported(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    did = await imported(registry, FILE)
    assert (did["created"], did["paired"]) == (4, 2)
    entry = await in_redis.charger("c1:2")
    assert entry is not None
    assert entry["widget"] == "w2"
    assert b"charger,c1:2," in await exported(registry)


async def test_an_import_of_a_connector_without_its_charger_is_refused(
    registry: RunningRegistry,
) -> None:
    problem = "c1:2 is a connector of c1, which is not registered, nor in this file"
    (line, column, told), *others = await refused(registry, "kind,id\ncharger,c1:2\n")
    assert (line, column, others) == (2, "id", [])
    assert problem in told
    ((_, _, told),) = await refused(registry, "kind,id\ncharger,c1:1\n")
    assert "connector 1 has its charger's id" in told
    ((_, _, told),) = await refused(registry, "kind,id\nwidget,w1:2\n")
    assert "an id is 1 to 64 of" in told


async def test_postgres_keeps_the_rules_by_hand_too(by_hand: By, connector: object) -> None:  # noqa: ARG001
    with pytest.raises(psycopg.Error, match="has no charger"):
        await by_hand.execute("INSERT INTO chargers (id) VALUES ('c9:2')")
    with pytest.raises(psycopg.Error, match="widgets_have_no_connectors"):
        await by_hand.execute("INSERT INTO widgets (id) VALUES ('w9:2')")
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c8:3'), ('c8')")
    await by_hand.execute("DELETE FROM chargers WHERE id = 'c8'")
    left = await by_hand.execute("SELECT id FROM chargers ORDER BY id")
    assert [each for (each,) in await left.fetchall()] == ["c1", "c1:2"]


async def test_a_connector_is_not_missed_among_chargers_with_secrets(
    registry: RunningRegistry, connector: dict[str, Any]
) -> None:
    await registered(registry, f"/chargers/{connector['id'].partition(':')[0]}0")
    found = (await registry.send("GET", "/support")).json()
    assert found["counts"]["chargers_without_secrets"] == 2
