"""Devices' secrets: over REST, in Postgres, in Redis."""

import asyncio
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.sql import SQL
from pydantic import SecretStr

from services.registry.access import device_secrets, secret_hasher
from services.registry.access.secret_hasher import NewSecrets, SecretHasher, TooManyNewError
from services.registry.postgres.actor import Actor
from services.registry.postgres.database import Database
from services.registry.postgres.tables import devices_table, secrets_table
from shared.bus.bus import Bus
from shared.contract.credentials import digest_of
from shared.contract.devices import Kind
from shared.contract.names import AGREEMENTS
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry, eventually
from tests.integration.registry.in_redis import InRedis

KEY = "a key of the digests, for tests only"
OTHER_KEY = "another key of the digests, for tests"
SECRET = "0123:456789abcdef"
NEXT = "the.secret.after.it"

KINDS = pytest.mark.parametrize("kind", Kind)


@pytest.fixture
async def keyed(start_registry: StartRegistry) -> RunningRegistry:
    """A registry with a key, which finds changes by their doorbell only."""
    return await start_registry(credential_key=SecretStr(KEY), poll_seconds=3600)


async def _register(registry: RunningRegistry, *paths: str) -> None:
    for path in paths:
        assert (await registry.send("PUT", path, {})).status_code == 201


async def _set(registry: RunningRegistry, path: str, secret: str, **more: object) -> dict[str, Any]:
    answer = await registry.send("PUT", f"{path}/secret", {"secret": secret, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def _value(by_hand: By, query: LiteralString, *values: object) -> Any:
    row = await (await by_hand.execute(query, values)).fetchone()
    return row[0] if row else None


async def _digests(in_redis: InRedis, device: str, kind: Kind = Kind.CHARGER) -> list[str] | None:
    found = await in_redis.credentials(device, kind)
    return None if found is None else found["digests"]


async def _become(
    in_redis: InRedis, device: str, digests: list[str] | None, kind: Kind = Kind.CHARGER
) -> None:
    async def are() -> bool:
        return await _digests(in_redis, device, kind) == digests

    await eventually(are)


# --- over REST


@KINDS
async def test_a_secret_that_is_set_is_in_effect_at_once_and_nowhere_to_be_read(
    keyed: RunningRegistry, in_redis: InRedis, by_hand: By, kind: Kind
) -> None:
    path = f"/{kind}s/d1"
    await _register(keyed, path)
    assert await _digests(in_redis, "d1", kind) == []
    answer = await _set(keyed, path, SECRET)
    assert answer["projected"] is True
    assert answer["earlier_until"] is None
    assert await _digests(in_redis, "d1", kind) == [digest_of(KEY, "d1", SECRET)]
    (item,) = (await keyed.send("GET", f"{path}/secret")).json()["items"]
    assert item == {"created_at": answer["created_at"], "expires_at": None, "usable": True}
    query = SQL("SELECT to_jsonb(s)::text FROM {secrets} s").format(secrets=secrets_table(kind))
    row = await (await by_hand.execute(query)).fetchone()
    assert row is not None
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in row[0]
    assert SECRET not in row[0] + (await keyed.send("GET", "/audit")).text


async def test_a_charger_and_a_widget_of_one_id_have_their_own_secrets(
    keyed: RunningRegistry, in_redis: InRedis
) -> None:
    await _register(keyed, "/chargers/d1", "/widgets/d1")
    await _set(keyed, "/chargers/d1", SECRET)
    assert await _digests(in_redis, "d1", Kind.WIDGET) == []
    await _set(keyed, "/widgets/d1", NEXT)
    await keyed.send("DELETE", "/chargers/d1/secret")
    assert await _digests(in_redis, "d1") == []
    assert await _digests(in_redis, "d1", Kind.WIDGET) == [digest_of(KEY, "d1", NEXT)]


async def test_the_same_secret_again_changes_nothing(
    keyed: RunningRegistry, by_hand: By, in_redis: InRedis
) -> None:
    await _register(keyed, "/chargers/c1")
    first = await _set(keyed, "/chargers/c1", SECRET)
    before = await in_redis.credentials("c1")
    row = await _value(by_hand, "SELECT to_jsonb(s) FROM charger_secrets s")
    assert await _set(keyed, "/chargers/c1", SECRET) == first
    assert await _value(by_hand, "SELECT to_jsonb(s) FROM charger_secrets s") == row
    assert await in_redis.credentials("c1") == before


async def test_an_earlier_secret_stays_valid_for_the_overlap(
    keyed: RunningRegistry, in_redis: InRedis
) -> None:
    await _register(keyed, "/chargers/c1")
    await _set(keyed, "/chargers/c1", SECRET)
    answer = await _set(keyed, "/chargers/c1", NEXT, overlap_seconds=3600)
    both = [digest_of(KEY, "c1", SECRET), digest_of(KEY, "c1", NEXT)]
    assert await _digests(in_redis, "c1") == both
    newest, earlier = (await keyed.send("GET", "/chargers/c1/secret")).json()["items"]
    assert newest["expires_at"] is None
    assert earlier["expires_at"] == answer["earlier_until"]
    await _set(keyed, "/chargers/c1", NEXT, overlap_seconds=0)
    assert await _digests(in_redis, "c1") == both[1:]


async def test_a_generated_secret_is_shown_once_and_locks_nobody_out(
    keyed: RunningRegistry, in_redis: InRedis
) -> None:
    await _register(keyed, "/chargers/c1")
    await _set(keyed, "/chargers/c1", SECRET)
    known = [SECRET]
    for body in (None, {}, {"overlap_seconds": 60}):
        made = await keyed.send("POST", "/chargers/c1/secret", body)
        assert made.status_code == 201
        assert made.headers["Cache-Control"] == "no-store"
        known.append(made.json()["secret"])
    assert len(known[-1]) == 32
    assert await _digests(in_redis, "c1") == [digest_of(KEY, "c1", each) for each in known]
    for each in known[1:]:
        assert each not in (await keyed.send("GET", "/chargers/c1/secret")).text
        assert each not in (await keyed.send("GET", "/audit")).text


@KINDS
async def test_removing_secrets_is_repeatable(
    keyed: RunningRegistry, in_redis: InRedis, kind: Kind
) -> None:
    path = f"/{kind}s/d1"
    await _register(keyed, path)
    await _set(keyed, path, SECRET)
    for _ in range(2):
        assert (await keyed.send("DELETE", f"{path}/secret")).status_code == 204
        assert await _digests(in_redis, "d1", kind) == []
        assert (await keyed.send("GET", f"{path}/secret")).json() == {"items": []}


@KINDS
@pytest.mark.parametrize("device", ["nobody", "im possible"])
async def test_a_device_that_is_not_registered_has_no_secret(
    keyed: RunningRegistry, kind: Kind, device: str
) -> None:
    for method, body in [
        ("GET", None),
        ("DELETE", None),
        ("POST", None),
        ("PUT", {"secret": SECRET}),
    ]:
        answer = await keyed.send(method, f"/{kind}s/{device}/secret", body)
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:chargelight:problem:not-registered"


@pytest.mark.parametrize(
    "body",
    [
        {"secret": "opensesame"},
        {"secret": "opensesame " * 2},
        {"secret": "opensesame" * 26},
        {"secret": "opensesame\xe4\xe4\xe4\xe4\xe4\xe4\xe4"},
        {"secret": ["opensesame" * 2]},
        {"secret": "opensesame" * 2, "overlap_seconds": -1},
        {"secret": "opensesame" * 2, "overlap_seconds": 2592001},
        {"secret": "opensesame" * 2, "overlap_seconds": True},
        {"opensesame": 1, "secret": "x" * 16},
    ],
)
async def test_what_is_no_secret_is_refused_without_being_quoted(
    keyed: RunningRegistry, body: dict[str, object]
) -> None:
    await _register(keyed, "/chargers/c1")
    answer = await keyed.send("PUT", "/chargers/c1/secret", body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    if "opensesame" not in body:
        assert "opensesame" not in answer.text


@KINDS
async def test_without_a_key_a_registry_says_what_to_set(
    registry: RunningRegistry, kind: Kind
) -> None:
    await _register(registry, f"/{kind}s/d1")
    for method, body in (("PUT", {"secret": SECRET}), ("POST", None)):
        answer = await registry.send(method, f"/{kind}s/d1/secret", body)
        assert answer.status_code == 409
        assert "CHARGELIGHT_CREDENTIAL_KEY" in answer.json()["detail"]
    assert (await registry.send("GET", f"/{kind}s/d1/secret")).json() == {"items": []}
    assert (await registry.send("DELETE", f"/{kind}s/d1/secret")).status_code == 204


async def test_the_record_says_who_changed_secrets_and_nothing_of_them(
    keyed: RunningRegistry,
) -> None:
    await _register(keyed, "/chargers/c1")
    await _set(keyed, "/chargers/c1", SECRET)
    await _set(keyed, "/chargers/c1", NEXT)
    await keyed.send("DELETE", "/chargers/c1/secret")
    lines = (await keyed.send("GET", "/audit?kind=charger-secret")).json()["items"]
    assert sorted(line["action"] for line in lines) == [
        "changed",
        "created",
        "created",
        "removed",
        "removed",
    ]
    assert {line["subject"] for line in lines} == {"c1"}
    assert {line["who"] for line in lines} == {"anonymous"}
    assert not {"hash", "digest", "key_fingerprint"} & {
        key for line in lines for key in line["details"]
    }
    # Nor does it look as if somebody had changed the charger.
    lines = (await keyed.send("GET", "/audit?kind=charger")).json()["items"]
    assert [line["action"] for line in lines] == ["created"]


# --- numbers


async def test_a_changed_secret_darkens_no_widget(
    keyed: RunningRegistry, in_redis: InRedis, by_hand: By
) -> None:
    await _register(keyed, "/chargers/c1", "/widgets/w1")
    await keyed.send("PUT", "/pairings/c1", {"widget": "w1"})
    await in_redis.set_status("w1")
    before = await in_redis.charger("c1"), await in_redis.widget("w1")
    await _set(keyed, "/widgets/w1", SECRET)
    await _set(keyed, "/chargers/c1", SECRET)
    await keyed.send("DELETE", "/widgets/w1/secret")
    assert (await in_redis.charger("c1"), await in_redis.widget("w1")) == before
    assert await in_redis.has_status("w1")
    numbers = await by_hand.execute("SELECT pairing_number, secrets_number FROM widgets")
    ((pairing_number, secrets_number),) = await numbers.fetchall()
    assert pairing_number < secrets_number


@KINDS
async def test_numbers_of_secrets_are_drawn_not_set(by_hand: By, kind: Kind) -> None:
    def query(text: LiteralString) -> Any:
        return SQL(text).format(devices=devices_table(kind), secrets=secrets_table(kind))

    await by_hand.execute(query("INSERT INTO {devices} (id, secrets_number) VALUES ('d1', 99999)"))
    row = await (await by_hand.execute(query("SELECT secrets_number FROM {devices}"))).fetchone()
    assert row is not None
    assert row[0] < 99999
    with pytest.raises(psycopg.errors.RaiseException, match="drawn by triggers"):
        await by_hand.execute(query("UPDATE {devices} SET secrets_number = 99999"))
    with pytest.raises(psycopg.errors.RaiseException, match="TRUNCATE"):
        await by_hand.execute(query("TRUNCATE {secrets}"))


async def test_a_secret_does_not_pass_to_another_device(
    keyed: RunningRegistry, by_hand: By
) -> None:
    await _register(keyed, "/chargers/c1", "/chargers/c2")
    await _set(keyed, "/chargers/c1", SECRET)
    with pytest.raises(psycopg.errors.RaiseException, match="another device"):
        await by_hand.execute("UPDATE charger_secrets SET device_id = 'c2'")


@KINDS
async def test_rows_changed_by_hand_take_effect(
    keyed: RunningRegistry, in_redis: InRedis, by_hand: By, kind: Kind
) -> None:
    path = f"/{kind}s/d1"
    await _register(keyed, path)
    await _set(keyed, path, SECRET)
    await _set(keyed, path, NEXT)
    query = SQL("UPDATE {secrets} SET expires_at = now() WHERE expires_at IS NOT NULL")
    await by_hand.execute(query.format(secrets=secrets_table(kind)))
    await _become(in_redis, "d1", [digest_of(KEY, "d1", NEXT)], kind)
    await by_hand.execute(SQL("DELETE FROM {secrets}").format(secrets=secrets_table(kind)))
    await _become(in_redis, "d1", [], kind)


# --- projection


@KINDS
async def test_an_emptied_redis_has_the_secrets_again(
    keyed: RunningRegistry, in_redis: InRedis, kind: Kind
) -> None:
    await _register(keyed, f"/{kind}s/d1", f"/{kind}s/d2")
    await _set(keyed, f"/{kind}s/d1", SECRET)
    await in_redis.empty()
    await _become(in_redis, "d1", [digest_of(KEY, "d1", SECRET)], kind)
    await _become(in_redis, "d2", [], kind)


@KINDS
async def test_a_device_registered_again_has_none_of_its_former_secrets(
    keyed: RunningRegistry, in_redis: InRedis, kind: Kind
) -> None:
    path = f"/{kind}s/d1"
    await _register(keyed, path)
    await _set(keyed, path, SECRET)
    assert (await keyed.send("DELETE", path)).status_code == 204
    assert await in_redis.credentials("d1", kind) is None
    await _register(keyed, path)
    assert await _digests(in_redis, "d1", kind) == []
    assert (await keyed.send("GET", f"{path}/secret")).json() == {"items": []}


async def test_two_registries_agree_about_secrets_however_they_interleave(
    start_registry: StartRegistry, in_redis: InRedis
) -> None:
    one, other = [await start_registry(credential_key=SecretStr(KEY)) for _ in range(2)]
    for round_ in range(10):
        await _register(one, "/chargers/c1")
        secret = f"the-secret-of-round-{round_}"
        await _set(other, "/chargers/c1", secret)
        await asyncio.gather(_set(one, "/chargers/c1", secret), _set(other, "/chargers/c1", secret))
        await _become(in_redis, "c1", [digest_of(KEY, "c1", secret)])
        assert (await other.send("DELETE", "/chargers/c1")).status_code == 204


async def test_an_overlap_ends_by_itself(
    start_registry: StartRegistry, in_redis: InRedis, by_hand: By
) -> None:
    registry = await start_registry(credential_key=SecretStr(KEY), poll_seconds=3600)
    await start_registry(credential_key=SecretStr(KEY), poll_seconds=3600)
    for kind in Kind:
        await _register(registry, f"/{kind}s/d1")
        await _set(registry, f"/{kind}s/d1", SECRET)
        await _set(registry, f"/{kind}s/d1", NEXT, overlap_seconds=1)
    for kind in Kind:
        await _become(in_redis, "d1", [digest_of(KEY, "d1", NEXT)], kind)
    who = await _value(
        by_hand,
        "SELECT who FROM audit_log WHERE kind = 'widget-secret' AND action = 'removed'",
    )
    assert who == "registry"


# --- another key


async def test_after_a_change_of_the_key_the_same_secret_is_recognised(
    start_registry: StartRegistry, in_redis: InRedis, by_hand: By, bus: Bus
) -> None:
    old = await start_registry(credential_key=SecretStr(KEY))
    await _register(old, "/chargers/c1")
    await _set(old, "/chargers/c1", SECRET)
    row = await _value(by_hand, "SELECT id || hash FROM charger_secrets")
    await old.end()
    await bus.command("DEL", AGREEMENTS)
    new = await start_registry(credential_key=SecretStr(OTHER_KEY))
    (item,) = (await new.send("GET", "/chargers/c1/secret")).json()["items"]
    assert item["usable"] is False
    # Still there, so that no gateway takes it for a device without a secret.
    assert await _digests(in_redis, "c1") == [digest_of(KEY, "c1", SECRET)]
    await _set(new, "/chargers/c1", SECRET)
    assert await _digests(in_redis, "c1") == [digest_of(OTHER_KEY, "c1", SECRET)]
    assert await _value(by_hand, "SELECT id || hash FROM charger_secrets") == row
    (item,) = (await new.send("GET", "/chargers/c1/secret")).json()["items"]
    assert item["usable"] is True


# --- many at once


@KINDS
async def test_many_secrets_are_set_in_one_transaction_and_known_ones_cost_nothing(
    database: Database, by_hand: By, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = SQL("INSERT INTO {devices} (id) SELECT 'd' || i FROM generate_series(1, 6) i")
    await by_hand.execute(query.format(devices=devices_table(kind)))
    secrets = {f"d{i}": f"the-secret-of-device-{i}" for i in range(1, 7)}
    hasher = SecretHasher(database, KEY)

    async def set_all() -> int:
        prepared = await hasher.of_many(kind, secrets, NewSecrets())
        async with database.write_transaction(Actor("test")) as connection:
            return await device_secrets.set_many(connection, kind, prepared, timedelta(days=1))

    assert await set_all() == 6
    # Nothing new is allowed from now on.
    monkeypatch.setattr(secret_hasher, "MAX_NEW", 0)
    assert await set_all() == 0
    secrets["d1"] = NEXT
    with pytest.raises(TooManyNewError, match="more than 0 secrets are new"):
        await set_all()


@KINDS
async def test_a_device_set_to_certificates_is_so_for_gateways_when_the_answer_comes(
    keyed: RunningRegistry, in_redis: InRedis, by_hand: By, kind: Kind
) -> None:
    path = f"/{kind.value}s/d1"
    await _register(keyed, path)
    before = await in_redis.credentials("d1", kind)
    assert before is not None
    assert "auth" not in before
    answer = await keyed.send("PATCH", path, {"auth": "certificate"})
    assert (answer.json()["auth"], answer.json()["projected"]) == ("certificate", True)
    after = await in_redis.credentials("d1", kind)
    assert after is not None
    assert after["auth"] == "certificate"
    assert after["number"] > before["number"]
    # A label is no reason to forget it.
    answer = await keyed.send("PUT", path, {"label": "x"})
    assert answer.json()["auth"] == "certificate"
    details = await _value(
        by_hand, "SELECT details FROM audit_log WHERE details ? 'auth' AND action = 'changed'"
    )
    assert details["auth"] == ["any", "certificate"]
    assert (await keyed.send("PATCH", path, {"auth": "any"})).json()["projected"] is True
    assert "auth" not in (await in_redis.credentials("d1", kind) or {"auth": ""})
    assert (await keyed.send("PATCH", path, {"auth": "nothing"})).status_code == 422
