"""Keys of operators: they end, are renewed, and the first one is made with the bootstrap key."""

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.registry.access import keys, sessions
from services.registry.access.keys import RESERVED_NAMES, id_in
from services.registry.access.valid_keys import ValidKeys
from services.registry.audit.access_events import MAX_DISTINCT, WRITE_SECONDS
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Troubles
from tests.fixtures.postgres_at import ADMIN_KEY, as_runtime_role, know_admin
from tests.integration.registry.conftest import (
    By,
    RunningRegistry,
    StartRegistry,
    eventually,
)
from tests.integration.registry.test_access import key_of, send
from tests.integration.registry.test_backup_commands import Commands

BOOTSTRAP_KEY = "a-bootstrap-key-of-32-characters"


@pytest.fixture
async def guarded(start_registry: StartRegistry, by_hand: By) -> RunningRegistry:
    await know_admin(by_hand)
    return await start_registry(operator_auth="required", admin_key=BOOTSTRAP_KEY)


async def status(registry: RunningRegistry, key: str) -> int:
    return (await send(registry, key, "GET", "/whoami")).status_code


async def make(registry: RunningRegistry, key: str, **wish: Any) -> Any:
    return await send(registry, key, "POST", "/keys", {"name": "ada", "role": "admin", **wish})


async def test_the_bootstrap_key_makes_an_admins_key_and_nothing_else(
    start_registry: StartRegistry,
) -> None:
    registry = await start_registry(operator_auth="required", admin_key=BOOTSTRAP_KEY)
    for method, path in (
        *(("GET", "/whoami"), ("GET", "/keys"), ("GET", "/export"), ("GET", "/chargers/c1")),
        *(("PUT", "/chargers/c1"), ("DELETE", "/keys/x"), ("POST", "/keys/x/renewal")),
    ):
        refused = await send(registry, BOOTSTRAP_KEY, method, path, {} if method != "GET" else None)
        assert (refused.status_code, "POST /keys" in refused.json()["detail"]) == (403, True), path
    assert (await make(registry, BOOTSTRAP_KEY, role="operator")).status_code == 403
    # Two at once: one is the first.
    both = await asyncio.gather(*(make(registry, BOOTSTRAP_KEY, name=name) for name in "ab"))
    made, refused = sorted(both, key=lambda answer: answer.status_code)
    assert (made.status_code, refused.status_code) == (201, 403)
    assert f"{made.json()['name']} has one" in refused.json()["detail"]
    assert await status(registry, made.json()["key"]) == 200


async def test_the_bootstrap_key_is_good_again_when_no_admin_has_a_valid_key(
    guarded: RunningRegistry, by_hand: By
) -> None:
    assert (await make(guarded, BOOTSTRAP_KEY)).status_code == 403
    await by_hand.execute("UPDATE api_keys SET expires_at = clock_timestamp()")
    assert (await make(guarded, BOOTSTRAP_KEY)).status_code == 201


async def test_who_owns_the_machine_ends_a_thiefs_keys_and_comes_back_in(
    guarded: RunningRegistry, postgres_dsn: str, by_hand: By
) -> None:
    at_the_server = Commands({"CHARGELIGHT_POSTGRES_DSN": await as_runtime_role(postgres_dsn)})
    thief = await key_of(guarded, "eve", "admin")
    assert (await send(guarded, thief["key"], "DELETE", f"/keys/{id_in(ADMIN_KEY)}")).is_success
    spare = (await make(guarded, thief["key"], name="mallory", role="operator")).json()
    assert "eve has one" in (await make(guarded, BOOTSTRAP_KEY)).json()["detail"]

    done = await at_the_server.run("revoke-keys")
    assert (done.code, done.errors) == (0, "")
    assert f"revoked {thief['id']} of eve (admin)\n" in done.output
    assert "2 keys were revoked" in done.output

    assert [await status(guarded, each["key"]) for each in (thief, spare)] == [401, 401]
    made = (await make(guarded, BOOTSTRAP_KEY)).json()
    assert await status(guarded, made["key"]) == 200
    who = "SELECT DISTINCT split_part(who, ':', 1) FROM audit_log WHERE subject = %s AND who <> %s"
    cursor = await by_hand.execute(who, (spare["id"], "eve"))
    assert await cursor.fetchall() == [("postgres",)]


async def test_a_key_that_anyone_may_have_made_does_not_keep_the_operator_out(
    start_registry: StartRegistry, by_hand: By
) -> None:
    await by_hand.execute("SELECT set_config('chargelight.operator', 'anonymous', false)")
    await know_admin(by_hand)
    registry = await start_registry(operator_auth="required", admin_key=BOOTSTRAP_KEY)
    assert (await make(registry, BOOTSTRAP_KEY, name="ada")).status_code == 201
    refused = await make(registry, BOOTSTRAP_KEY, name="eve")
    assert "ada has one" in refused.json()["detail"]


async def test_a_key_ends_by_itself(guarded: RunningRegistry, by_hand: By) -> None:
    made = await key_of(guarded, "olga", "operator")
    assert made["expires_at"] is not None
    assert await status(guarded, made["key"]) == 200
    await by_hand.execute(
        "UPDATE api_keys SET expires_at = clock_timestamp() WHERE id = %s", (made["id"],)
    )
    refused = await send(guarded, made["key"], "GET", "/whoami")
    assert refused.status_code == 401
    assert "has expired. Ask an admin to renew it" in refused.json()["detail"]
    # Its name is free again.
    await key_of(guarded, "olga", "viewer")


async def test_a_key_is_renewed_with_an_overlap(guarded: RunningRegistry, by_hand: By) -> None:
    former = await key_of(guarded, "olga", "operator")
    path = f"/keys/{former['id']}/renewal"
    made = await send(guarded, ADMIN_KEY, "POST", path, {"overlap_seconds": 60, "valid_days": 9})
    assert made.status_code == 201, made.text
    new = made.json()
    assert (new["name"], new["role"]) == ("olga", "operator")
    assert [await status(guarded, key["key"]) for key in (former, new)] == [200, 200]
    assert (await send(guarded, ADMIN_KEY, "POST", path)).status_code == 409
    assert (await make(guarded, ADMIN_KEY, name="olga")).status_code == 409
    cursor = await by_hand.execute(
        "SELECT expires_at < clock_timestamp() + interval '61 s' FROM api_keys WHERE id = %s",
        (former["id"],),
    )
    assert await cursor.fetchall() == [(True,)]
    path = f"/keys/{new['id']}/renewal"
    await send(guarded, ADMIN_KEY, "POST", path, {"overlap_seconds": 0})
    assert await status(guarded, new["key"]) == 401


async def test_a_renewal_needs_an_admin_and_a_key_that_is_there(guarded: RunningRegistry) -> None:
    olga = await key_of(guarded, "olga", "operator")
    path = f"/keys/{olga['id']}/renewal"
    assert (await send(guarded, olga["key"], "POST", path)).status_code == 403
    assert (await send(guarded, ADMIN_KEY, "POST", "/keys/x/renewal")).status_code == 404


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES | {"Registry"}))
async def test_names_that_the_audit_log_uses_itself_are_taken(
    guarded: RunningRegistry, name: str
) -> None:
    refused = await make(guarded, ADMIN_KEY, name=name)
    assert refused.status_code == 422
    assert "take another one" in refused.json()["detail"]


# The audit log.


async def entries(registry: RunningRegistry, key: str = ADMIN_KEY, query: str = "") -> Any:
    return (await send(registry, key, "GET", f"/audit{query}")).json()["items"]


async def recorded(registry: RunningRegistry, kind: str, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        found[:] = await entries(registry, query=f"?kind={kind}")
        return len(found) >= number

    await eventually(are_there)
    return found


async def test_each_entry_has_the_key_and_the_address(guarded: RunningRegistry) -> None:
    olga = await key_of(guarded, "olga", "operator")
    await send(guarded, olga["key"], "PUT", "/chargers/c1", {})
    (entry,) = await entries(guarded, query="?subject=c1")
    assert (entry["key_id"], entry["address"]) == (olga["id"], "127.0.0.1")


async def test_failed_logins_refused_roles_and_exports_are_recorded(
    guarded: RunningRegistry,
) -> None:
    vera = await key_of(guarded, "vera", "viewer")
    await send(guarded, None, "GET", "/chargers")
    await send(guarded, f"clk_{vera['id']}_{'x' * 43}", "GET", "/chargers")
    await send(guarded, vera["key"], "PUT", "/chargers/c1", {})
    await send(guarded, vera["key"], "GET", "/keys")
    await send(guarded, vera["key"], "GET", "/export?kind=widget")
    logins = await recorded(guarded, "login", 2)
    assert {(each["who"], each["key_id"], each["subject"]) for each in logins} == {
        ("nobody", None, "unknown"),
        ("nobody", vera["id"], "unknown"),
    }
    roles = await recorded(guarded, "role", 2)
    assert {(each["who"], each["subject"]) for each in roles} == {
        ("vera", "PUT /chargers/{device_id}"),
        ("vera", "GET /keys"),
    }
    (export,) = await recorded(guarded, "export", 1)
    told = (export["who"], export["action"], export["subject"], export["details"])
    assert told == ("vera", "exported", "widget", {"count": 1})


async def test_a_flood_of_wrong_keys_makes_few_entries(
    guarded: RunningRegistry, by_hand: By
) -> None:
    await key_of(guarded, "vera", "viewer")
    await by_hand.execute(
        "INSERT INTO api_keys (id, name, role, hash) "
        "SELECT lpad(i::text, 12, '0'), 'k' || i, 'viewer', '' FROM generate_series(1, 200) AS i"
    )
    keys = [f"clk_{number:012}_{'x' * 43}" for number in range(1, 201)]
    # A few at once: one that waits too long for Postgres is no wrong key.
    few = asyncio.Semaphore(5)

    async def is_refused(key: str) -> bool:
        async with few:
            return await status(guarded, key) == httpx.codes.UNAUTHORIZED

    began = time.monotonic()
    refused = sum(await asyncio.gather(*map(is_refused, keys)))
    writes = (time.monotonic() - began) / WRITE_SECONDS + 2
    total = 0

    async def are_all_counted() -> bool:
        nonlocal total
        found = await entries(guarded, query="?kind=login&limit=1000")
        total = len(found)
        return sum(int(each["details"]["count"]) for each in found) == refused

    await eventually(are_all_counted)
    assert total <= writes * (MAX_DISTINCT + 1)


async def test_who_has_which_key_is_for_admins(guarded: RunningRegistry) -> None:
    vera = await key_of(guarded, "vera", "viewer")
    await send(guarded, ADMIN_KEY, "PUT", "/chargers/c1", {})
    await send(guarded, None, "GET", "/chargers")
    await recorded(guarded, "login", 1)
    seen = await entries(guarded, vera["key"], "?limit=1000")
    assert [(each["kind"], each["key_id"], each["address"]) for each in seen] == [
        ("charger", None, None)
    ]
    assert await entries(guarded, vera["key"], f"?subject={vera['id']}") == []
    assert str(id_in(ADMIN_KEY)) not in str(seen)


async def test_the_audit_log_is_sent_on_to_a_file(
    start_registry: StartRegistry, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"

    async def lines(number: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        async def are_there() -> bool:
            found[:] = map(json.loads, file.read_text().splitlines() if file.exists() else [])
            return len(found) >= number

        await eventually(are_there)
        return found

    registry = await start_registry(audit_file=str(file))
    await registry.send("PUT", "/chargers/c1", {"label": "Größe"})
    (first,) = await lines(1)
    assert (first["kind"], first["subject"], first["address"]) == ("charger", "c1", "127.0.0.1")
    assert file.stat().st_mode & 0o077 == 0
    # A shipper took the file away, and the registry was restarted: nothing comes twice.
    file.unlink()
    await registry.end()
    again = await start_registry(audit_file=str(file))
    await again.send("PUT", "/widgets/w1", {})
    assert [each["subject"] for each in await lines(1)] == ["w1"]


async def test_a_line_that_a_full_disk_cut_off_spoils_no_other(
    start_registry: StartRegistry, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text('{"id": 1, "at": "2026')
    file.with_name("audit.jsonl.position").touch()
    registry = await start_registry(audit_file=str(file))
    await registry.send("PUT", "/chargers/c1", {})

    async def is_there() -> bool:
        _, *lines = file.read_text().splitlines()
        return [json.loads(line)["subject"] for line in lines] == ["c1"]

    await eventually(is_there)


async def test_the_keys_that_never_wait_are_those_that_are_valid(
    database: Database, by_hand: By
) -> None:
    valid = ValidKeys(database, BOOTSTRAP_KEY, Troubles(), random.Random(0))
    assert (BOOTSTRAP_KEY.encode() in valid, ADMIN_KEY.encode() in valid) == (True, False)
    await know_admin(by_hand)
    await valid.read()
    assert all(key.encode() in valid for key in (BOOTSTRAP_KEY, ADMIN_KEY))
    unknown = (b"", b"nonsense", "ä".encode("latin-1"), ADMIN_KEY[:-1].encode() + b"b")
    assert not any(shown in valid for shown in unknown)
    of_a_booth = keys.new_key()
    await by_hand.execute(
        "INSERT INTO api_keys (id, name, role, hash, booth) VALUES (%s, 'olga', 'viewer', %s, 'n')",
        (of_a_booth.id, of_a_booth.hash("n")),
    )
    async with database.connection() as connection:
        session, _ = await sessions.begin(connection, keys.id_in(ADMIN_KEY) or "")
    await valid.read()
    assert all(shown.encode() in valid for shown in (of_a_booth.text, session))
    for ending in (
        "UPDATE api_keys SET expires_at = clock_timestamp()",
        "UPDATE api_keys SET revoked_at = clock_timestamp()",
    ):
        await by_hand.execute("UPDATE api_keys SET expires_at = NULL, revoked_at = NULL")
        await valid.read()
        assert ADMIN_KEY.encode() in valid
        await by_hand.execute(ending)
        await valid.read()
        assert not any(shown.encode() in valid for shown in (ADMIN_KEY, session))
    assert BOOTSTRAP_KEY.encode() in valid
    assert ADMIN_KEY.encode() not in ValidKeys(database, "", Troubles(), random.Random(0))
