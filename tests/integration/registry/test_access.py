"""Operators' keys and roles, and the record of what they did."""

from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry

ADMIN_KEY = "an-admin-key-of-32-characters-or-more"


@pytest.fixture
async def guarded(start_registry: StartRegistry) -> RunningRegistry:
    return await start_registry(operator_auth="required", admin_key=ADMIN_KEY)


async def send(
    registry: RunningRegistry, key: str | None, method: str, path: str, body: object = None
) -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return await registry.client.request(method, registry.url + path, json=body, headers=headers)


async def key_of(registry: RunningRegistry, name: str, role: str) -> dict[str, Any]:
    made = await send(registry, ADMIN_KEY, "POST", "/keys", {"name": name, "role": role})
    assert made.status_code == 201, made.text
    assert made.headers["Cache-Control"] == "no-store"
    key: dict[str, Any] = made.json()
    return key


@pytest.mark.parametrize("key", [None, "nonsense", "clk_0123456789ab_" + "x" * 43, "ä"])
async def test_nobody_is_let_in_without_a_known_key(
    guarded: RunningRegistry, key: str | None
) -> None:
    headers = {} if key is None else {b"Authorization": b"Bearer " + key.encode("latin-1")}
    refused = await guarded.client.get(guarded.url + "/chargers/c1", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "Bearer clk_" in refused.json()["detail"]


async def test_the_document_and_its_page_are_for_everybody(guarded: RunningRegistry) -> None:
    assert (await send(guarded, None, "GET", "/openapi.json")).status_code == 200
    page = await send(guarded, None, "GET", "/docs")
    assert page.status_code == 200
    assert "https://" not in page.text, "the page must not need the internet"
    script = page.text.partition('<script src="')[2].partition('"')[0]
    assert (await send(guarded, None, "GET", script)).status_code == 200


async def test_a_viewer_looks_and_changes_nothing(guarded: RunningRegistry) -> None:
    key = (await key_of(guarded, "vera", "viewer"))["key"]
    assert (await send(guarded, key, "GET", "/chargers/c1")).status_code == 404
    assert (await send(guarded, key, "GET", "/audit")).status_code == 200
    refused = await send(guarded, key, "PUT", "/chargers/c1", {})
    assert refused.status_code == 403
    assert "needs the role operator; vera has the role viewer" in refused.json()["detail"]


async def test_an_operator_changes_devices_but_makes_no_keys(guarded: RunningRegistry) -> None:
    key = (await key_of(guarded, "olga", "operator"))["key"]
    assert (await send(guarded, key, "PUT", "/chargers/c1", {})).status_code == 201
    for method, path in (("GET", "/keys"), ("GET", "/keys/x"), ("DELETE", "/keys/x")):
        assert (await send(guarded, key, method, path)).status_code == 403
    wish = {"name": "x", "role": "viewer"}
    assert (await send(guarded, key, "POST", "/keys", wish)).status_code == 403


async def test_an_admin_does_all_of_it(guarded: RunningRegistry) -> None:
    key = (await key_of(guarded, "ada", "admin"))["key"]
    assert (await send(guarded, key, "GET", "/whoami")).json() == {"name": "ada", "role": "admin"}
    assert (await send(guarded, key, "PUT", "/chargers/c1", {})).status_code == 201
    made = await send(guarded, key, "POST", "/keys", {"name": "bob", "role": "viewer"})
    assert made.status_code == 201


async def test_a_key_is_shown_once_and_kept_as_a_hash(
    guarded: RunningRegistry, by_hand: By
) -> None:
    made = await key_of(guarded, "olga", "operator")
    secret = made["key"].rpartition("_")[2]
    for path in ("/keys", f"/keys/{made['id']}", "/audit"):
        assert secret not in (await send(guarded, ADMIN_KEY, "GET", path)).text
    rows = await (await by_hand.execute("SELECT api_keys::text FROM api_keys")).fetchall()
    rows += await (await by_hand.execute("SELECT audit_log::text FROM audit_log")).fetchall()
    assert rows
    assert secret not in str(rows)


async def test_a_revoked_key_opens_nothing_any_more(guarded: RunningRegistry) -> None:
    made = await key_of(guarded, "olga", "operator")
    assert (await send(guarded, made["key"], "GET", "/whoami")).status_code == 200
    for _ in range(2):
        revoked = await send(guarded, ADMIN_KEY, "DELETE", f"/keys/{made['id']}")
        assert revoked.status_code == 200
        assert revoked.json()["revoked_at"]
    assert (await send(guarded, made["key"], "GET", "/whoami")).status_code == 401


async def test_a_name_stands_for_one_key_that_is_valid(guarded: RunningRegistry) -> None:
    made = await key_of(guarded, "olga", "operator")
    wish = {"name": "olga", "role": "viewer"}
    refused = await send(guarded, ADMIN_KEY, "POST", "/keys", wish)
    assert refused.status_code == 409
    assert "Revoke that one first" in refused.json()["detail"]
    await send(guarded, ADMIN_KEY, "DELETE", f"/keys/{made['id']}")
    assert (await send(guarded, ADMIN_KEY, "POST", "/keys", wish)).status_code == 201


async def test_it_can_be_seen_when_a_key_was_used(guarded: RunningRegistry) -> None:
    made = await key_of(guarded, "olga", "operator")
    assert made["last_used_at"] is None
    await send(guarded, made["key"], "GET", "/whoami")
    seen = (await send(guarded, ADMIN_KEY, "GET", f"/keys/{made['id']}")).json()
    assert seen["last_used_at"] is not None


async def test_keys_that_are_not_there_are_not_found(guarded: RunningRegistry) -> None:
    for key_id in ("x", "%00", "%F0%9F%98%80", "a%2Fb"):
        assert (await send(guarded, ADMIN_KEY, "DELETE", f"/keys/{key_id}")).status_code == 404


async def test_where_no_keys_are_asked_for_everybody_is_an_admin(
    registry: RunningRegistry,
) -> None:
    who = await registry.send("GET", "/whoami")
    assert who.json() == {"name": "anonymous", "role": "admin"}


# The record.


async def audit(registry: RunningRegistry, query: str = "") -> list[dict[str, Any]]:
    answer = await send(registry, ADMIN_KEY, "GET", f"/audit{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def told(entry: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(entry[name] for name in ("who", "action", "kind", "subject"))


async def test_each_change_is_recorded_with_who_made_it(guarded: RunningRegistry) -> None:
    key = (await key_of(guarded, "olga", "operator"))["key"]
    await send(guarded, key, "PUT", "/chargers/c1", {"label": "left"})
    await send(guarded, key, "PUT", "/widgets/w1", {})
    await send(guarded, key, "PUT", "/pairings/c1", {"widget": "w1"})
    await send(guarded, ADMIN_KEY, "PUT", "/chargers/c1", {"label": "right"})
    await send(guarded, key, "DELETE", "/widgets/w1")
    entries = [entry for entry in await audit(guarded) if entry["kind"] != "api-key"]
    in_order = [told(entry) for entry in reversed(entries)]
    assert in_order[:4] == [
        ("olga", "created", "charger", "c1"),
        ("olga", "created", "widget", "w1"),
        ("olga", "created", "pairing", "c1"),
        ("bootstrap-admin", "changed", "charger", "c1"),
    ]
    # With the widget went its pairing.
    assert set(in_order[4:]) == {
        ("olga", "removed", "pairing", "c1"),
        ("olga", "removed", "widget", "w1"),
    }
    changed = next(entry for entry in entries if entry["action"] == "changed")
    assert changed["details"] == {"label": ["left", "right"]}
    paired = next(entry for entry in entries if entry["kind"] == "pairing")
    assert paired["details"]["widget_id"] == "w1"


async def test_a_change_by_hand_is_recorded_too(registry: RunningRegistry, by_hand: By) -> None:
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")
    (entry,) = (await registry.send("GET", "/audit?subject=c1")).json()["items"]
    assert entry["who"].startswith("postgres:")


async def test_the_record_can_be_searched_and_paged(registry: RunningRegistry) -> None:
    for number in range(5):
        await registry.send("PUT", f"/chargers/c{number}", {})
    seen: list[str] = []
    query = "?kind=charger&action=created&who=anonymous&limit=2"
    page = (await registry.send("GET", f"/audit{query}")).json()
    seen += [entry["subject"] for entry in page["items"]]
    while page["next"]:
        page = (await registry.send("GET", f"/audit{query}&cursor={page['next']}")).json()
        seen += [entry["subject"] for entry in page["items"]]
    assert seen == ["c4", "c3", "c2", "c1", "c0"]
    assert (await registry.send("GET", "/audit?who=somebody")).json()["items"] == []
    assert (await registry.send("GET", "/audit?since=2100-01-01T00:00:00Z")).json()["items"] == []
    assert (await registry.send("GET", "/audit?since=yesterday")).status_code == 422


@pytest.mark.parametrize(
    "statement", ["DELETE FROM audit_log", "UPDATE audit_log SET who = 'x'", "TRUNCATE audit_log"]
)
async def test_the_record_is_only_added_to(
    registry: RunningRegistry, by_hand: By, statement: str
) -> None:
    await registry.send("PUT", "/chargers/c1", {})
    with pytest.raises(psycopg.errors.RaiseException, match="only added to"):
        await by_hand.execute(statement.encode())


async def test_a_body_that_is_too_large_is_refused(registry: RunningRegistry) -> None:
    async def pieces() -> Any:
        for _ in range(100):
            yield b" " * 1024

    for content in (b" " * 100_000, pieces()):
        refused = await registry.client.put(
            registry.url + "/chargers/c1",
            content=content,
            headers={"Content-Type": "application/json"},
        )
        assert refused.status_code == 413
        assert "65,536 bytes" in refused.json()["detail"]
