"""Operators' keys and roles, and the record of what they did."""

import uuid
from typing import Any

import httpx
import psycopg
import pytest

from services.registry.access import keys
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.by_rest import assert_problem, imported
from tests.integration.registry.conftest import (
    By,
    RunningRegistry,
    StartRegistry,
    eventually,
)


@pytest.fixture
async def guarded(start_registry: StartRegistry, by_hand: By) -> RunningRegistry:
    await know_admin(by_hand)
    return await start_registry(operator_auth="required")


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


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_the_document_and_its_page_need_a_key_which_a_browser_asks_for(
    guarded: RunningRegistry, path: str
) -> None:
    refused = await send(guarded, None, "GET", path)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith('Basic realm="')
    assert (await send(guarded, ADMIN_KEY, "GET", path)).status_code == 200
    for key, status in ((ADMIN_KEY, 200), ("wrong", 401)):
        answer = await guarded.client.get(guarded.url + path, auth=("anybody", key))
        assert answer.status_code == status


async def test_no_other_address_takes_what_a_browser_sends_by_itself(
    guarded: RunningRegistry,
) -> None:
    refused = await guarded.client.get(guarded.url + "/chargers", auth=("anybody", ADMIN_KEY))
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


async def test_the_page_needs_no_internet_and_runs_its_own_scripts_only(
    registry: RunningRegistry,
) -> None:
    page = await registry.send("GET", "/docs")
    assert "https://" not in page.text
    script = page.text.partition('<script src="')[2].partition('"')[0]
    assert (await registry.send("GET", script)).status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self' 'sha256-" in policy
    assert "frame-ancestors 'none'" in policy


async def test_a_viewer_looks_and_changes_nothing(guarded: RunningRegistry) -> None:
    key = (await key_of(guarded, "vera", "viewer"))["key"]
    assert (await send(guarded, key, "GET", "/chargers/c1")).status_code == 404
    assert (await send(guarded, key, "GET", "/audit")).status_code == 200
    refused = await send(guarded, key, "PUT", "/chargers/c1", {})
    assert refused.status_code == 403
    assert "needs the role operator; vera has the role viewer" in refused.json()["detail"]


async def test_an_attendant_opens_and_closes_rentals_and_changes_nothing_else(
    guarded: RunningRegistry,
) -> None:
    made = await key_of(guarded, "anton", "attendant")
    assert made["role"] == "attendant"
    key = made["key"]
    for path in ("/chargers/c1", "/widgets/w1"):
        await send(guarded, ADMIN_KEY, "PUT", path, {})
        assert (await send(guarded, key, "PUT", path, {"label": "x"})).status_code == 403
    rental = f"/rentals/{uuid.uuid4()}"
    opened = await send(guarded, key, "PUT", rental, {"charger": "c1", "widget": "w1"})
    assert opened.status_code == 201, opened.text
    assert (await send(guarded, key, "GET", "/explanations/c1")).status_code == 200
    closed = await send(guarded, key, "PUT", f"{rental}/collection", {"widget_returned": False})
    assert closed.json()["collected_at"]
    assert (await send(guarded, key, "PUT", f"{rental}/widget-return")).status_code == 200
    refused = await send(guarded, key, "PUT", "/pairings/c1", {"widget": "w1"})
    assert "needs the role operator; anton has the role attendant" in refused.json()["detail"]
    # A renewed key is the same.
    renewed = await send(guarded, ADMIN_KEY, "POST", f"/keys/{made['id']}/renewal")
    assert renewed.json()["role"] == "attendant"


async def test_an_older_registry_takes_an_attendant_for_a_viewer(
    guarded: RunningRegistry, by_hand: By
) -> None:
    made = await key_of(guarded, "anton", "attendant")
    cursor = await by_hand.execute("SELECT role FROM api_keys WHERE id = %s", (made["id"],))
    assert await cursor.fetchall() == [("viewer",)]


async def test_an_operator_changes_devices_but_makes_no_keys(guarded: RunningRegistry) -> None:
    key = (await key_of(guarded, "olga", "operator"))["key"]
    assert (await send(guarded, key, "PUT", "/chargers/c1", {})).status_code == 201
    for method, path in (("GET", "/keys"), ("GET", "/keys/x"), ("DELETE", "/keys/x")):
        assert (await send(guarded, key, method, path)).status_code == 403
    wish = {"name": "x", "role": "viewer"}
    assert (await send(guarded, key, "POST", "/keys", wish)).status_code == 403


ADMINS_ONLY = {
    *("GET /keys", "POST /keys", "GET /keys/{key_id}", "DELETE /keys/{key_id}"),
    *("POST /keys/{key_id}/renewal", "POST /prune", "POST /erasures", "GET /support"),
    "POST /session/codes",
    *("GET /notifications", "POST /notifications/tests", "POST /notifications/retries"),
}


FOR_ALL = {"POST /session", "DELETE /session"}

ATTENDANTS = {
    *("PUT /rentals/{rental_id}", "PUT /rentals/{rental_id}/collection"),
    *("PUT /rentals/{rental_id}/widget-return", "PUT /rentals/{rental_id}/visitor-page"),
}


async def test_each_route_asks_for_a_key_and_its_role(guarded: RunningRegistry) -> None:
    """Also a route that is added one day: without a line here it must be for all or operators."""
    vera = (await key_of(guarded, "vera", "viewer"))["key"]
    anton = (await key_of(guarded, "anton", "attendant"))["key"]
    olga = (await key_of(guarded, "olga", "operator"))["key"]
    document = (await send(guarded, ADMIN_KEY, "GET", "/openapi.json")).json()
    routes = {f"{m.upper()} {path}" for path, of_path in document["paths"].items() for m in of_path}
    assert routes > ADMINS_ONLY | ATTENDANTS
    refused = {None: 401, vera: 403, anton: 403, olga: 403}
    looks = {each for each in routes - ADMINS_ONLY if each.startswith("GET ")} | FOR_ALL
    for key, admitted in (
        (None, set[str]()),
        (vera, looks),
        (anton, looks | ATTENDANTS),
        (olga, routes - ADMINS_ONLY),
    ):
        for route in sorted(routes):
            # The feed never ends; its head says the same.
            method, path = route.replace("GET /live", "HEAD /live").split()
            status = (await send(guarded, key, method, path)).status_code
            assert (status == refused[key]) == (route not in admitted), (key, route, status)


async def test_an_admin_does_all_of_it(guarded: RunningRegistry) -> None:
    key = (await key_of(guarded, "ada", "admin"))["key"]
    assert (await send(guarded, key, "GET", "/whoami")).json() == {
        "name": "ada",
        "role": "admin",
        "booth": None,
        "key_id": keys.id_in(key),
    }
    assert (await send(guarded, key, "PUT", "/chargers/c1", {})).status_code == 201
    made = await send(guarded, key, "POST", "/keys", {"name": "bob", "role": "viewer"})
    assert made.status_code == 201


async def test_a_key_is_shown_once_and_kept_as_a_hash(
    guarded: RunningRegistry, by_hand: By
) -> None:
    made = await key_of(guarded, "olga", "operator")
    secret = made["key"].split("_", 2)[2]
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
    assert "Renew or revoke that one" in refused.json()["detail"]
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
    assert who.json() == {
        "name": "anonymous",
        "role": "admin",
        "booth": None,
        "key_id": None,
    }


async def test_no_key_is_made_while_none_is_required(registry: RunningRegistry) -> None:
    refused = await registry.send("POST", "/keys", {"name": "eve", "role": "admin"})
    problem = assert_problem(refused, 409, "CHARGELIGHT_REGISTRY_OPERATOR_AUTH=required")
    assert problem["type"] == "urn:chargelight:problem:authentication-off"
    assert (await registry.send("GET", "/keys")).json() == {"items": []}


async def test_no_key_is_renewed_while_none_is_required(
    registry: RunningRegistry, by_hand: By
) -> None:
    await know_admin(by_hand)
    refused = await registry.send("POST", f"/keys/{keys.id_in(ADMIN_KEY)}/renewal")
    assert_problem(refused, 409, "CHARGELIGHT_REGISTRY_OPERATOR_AUTH=required")
    (only,) = (await registry.send("GET", "/keys")).json()["items"]
    assert only["replaced_at"] is None


async def test_keys_that_anybody_may_have_made_are_named_once_keys_are_required(
    start_registry: StartRegistry, by_hand: By, capsys: pytest.CaptureFixture[str]
) -> None:
    # As an earlier version made them, for anybody who asked.
    for name, who in (
        *(("eve", "anonymous"), ("gone", "anonymous"), ("over", "anonymous")),
        ("ada", "bootstrap-admin"),
    ):
        await by_hand.execute("SELECT set_config('chargelight.operator', %s, false)", (who,))
        await by_hand.execute(
            "INSERT INTO api_keys (id, name, role, hash) VALUES (%s, %s, 'admin', '')",
            (f"{name}s-key", name),
        )
    await by_hand.execute("UPDATE api_keys SET revoked_at = now() WHERE name = 'gone'")
    await by_hand.execute("UPDATE api_keys SET expires_at = now() WHERE name = 'over'")
    settings = {"operator_auth": "required", "admin_key": ADMIN_KEY}
    logged: list[str] = []

    async def is_named() -> bool:
        logged.extend(capsys.readouterr().out.splitlines())
        return any("anyone may have made" in line for line in logged)

    await start_registry(**settings)
    await eventually(is_named)
    (line,) = [line for line in logged if "anyone may have made" in line]
    assert "eves-key (eve, admin)" in line
    assert "chargelight keys revoke" in line
    assert "gone" not in line
    assert "over (" not in line
    assert "ada" not in line


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
        ("chief", "changed", "charger", "c1"),
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
    mistyped = await registry.send("GET", "/audit?kind=chargers")
    assert (mistyped.status_code, "charger-secret" in mistyped.text) == (422, True)
    assert (await registry.send("GET", "/audit?since=2100-01-01T00:00:00Z")).json()["items"] == []
    assert (await registry.send("GET", "/audit?since=yesterday")).status_code == 422


async def test_an_import_is_one_line_that_can_be_opened(registry: RunningRegistry) -> None:
    rows = "".join(f"charger,c{number},w{number}\nwidget,w{number},\n" for number in range(150))
    await registry.send("PUT", "/chargers/before", {})
    assert (await imported(registry, f"kind,id,widget\n{rows}"))["paired"] == 150
    await registry.send("PUT", "/chargers/after", {})

    after, line, before = await audit(registry)
    assert (after["subject"], before["subject"]) == ("after", "before")
    assert told(line)[:3] == ("anonymous", "imported", "import")
    assert line["details"] == {"created": 300, "updated": 0, "paired": 150, "secrets": 0}
    parts = await audit(registry, f"?import_id={line['subject']}&limit=1000")
    assert len(parts) == 450
    assert {part["import_id"] for part in parts} == {line["subject"]}

    # Whoever asks for one thing sees what became of it, however it came.
    assert {told(each)[1:3] for each in await audit(registry, "?subject=c7")} == {
        ("created", "charger"),
        ("created", "pairing"),
    }
    assert len(await audit(registry, "?kind=pairing&limit=1000")) == 150
    assert await audit(registry, "?kind=import") == [line]


async def test_an_import_that_changes_nothing_is_no_line(registry: RunningRegistry) -> None:
    file = "kind,id\ncharger,c1\n"
    await imported(registry, file, dry_run=True)
    assert await audit(registry) == []
    await imported(registry, file)
    await imported(registry, file)
    assert len(await audit(registry)) == 1


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


async def test_the_audit_log_says_which_rental_an_entry_is_about(
    guarded: RunningRegistry, by_hand: By
) -> None:
    async def change(method: str, path: str, body: object = None) -> None:
        answer = await send(guarded, ADMIN_KEY, method, path, body)
        assert answer.is_success, answer.text

    for booth in ("here", "there"):
        await change("POST", "/booths", {"name": booth})
    for device in ("/chargers/c1", "/widgets/w1"):
        await change("PUT", device, {"booth": "here"})
    await change("PUT", "/pairings/c1", {"widget": "w1"})
    rental = f"/rentals/{uuid.uuid4()}"
    await change("PUT", rental, {"charger": "c1", "ticket": "17"})
    await change("PUT", f"{rental}/collection")
    found = await audit(guarded, "?kind=rental")
    assert [each["action"] for each in found] == ["changed", "created"]
    assert [each["rental"] for each in found] == [{"charger": "c1", "ticket": "17"}] * 2
    assert all(each["rental"] is None for each in await audit(guarded, "?kind=charger"))
    # What is elsewhere now is not told to a booth.
    await by_hand.execute("UPDATE rentals SET booth = 'there'")
    found = await audit(guarded, "?kind=rental&booth=here")
    assert [each["rental"] for each in found] == [None] * 2
    await by_hand.execute("DELETE FROM rentals")
    assert all(each["rental"] is None for each in await audit(guarded, "?kind=rental"))
