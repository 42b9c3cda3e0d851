"""Sessions of the console: a cookie in place of the key."""

import asyncio
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any, Final

import httpx
import pytest

from services.registry.access.keys import id_in
from services.registry.api.guarded_route import CONSOLE
from services.registry.desk import qr
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.by_rest import assert_problem
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry, eventually
from tests.integration.registry.test_access import audit, key_of, send

FROM_CONSOLE: Final = {CONSOLE: "1"}


@pytest.fixture
async def guarded(start_registry: StartRegistry, by_hand: By) -> RunningRegistry:
    await know_admin(by_hand)
    return await start_registry(operator_auth="required")


async def sign_in(
    registry: RunningRegistry, bearer: str, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    # A client of its own: none keeps cookies that another request would send.
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(
            f"{registry.url}/session",
            headers={"Authorization": f"Bearer {bearer}", **(headers or {})},
        )


def cookie_in(answer: httpx.Response) -> tuple[str, str]:
    """Return name and value of the cookie that an answer sets."""
    assert answer.status_code == 201, answer.text
    ((name, morsel),) = SimpleCookie(answer.headers["Set-Cookie"]).items()
    return name, morsel.value


async def with_cookie(
    registry: RunningRegistry,
    session: tuple[str, str],
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: object = None,
) -> httpx.Response:
    own = {"Origin": registry.url} if method != "GET" else {}
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(
            method,
            registry.url + path,
            headers={
                "Cookie": "=".join(session),
                **(FROM_CONSOLE | own if headers is None else headers),
            },
            json=body,
        )


async def code_for(registry: RunningRegistry, key_id: str, by: str = ADMIN_KEY) -> httpx.Response:
    return await send(registry, by, "POST", "/session/codes", {"key_id": key_id})


async def test_a_session_may_do_what_its_key_may(guarded: RunningRegistry) -> None:
    made = await key_of(guarded, "anton", "attendant")
    answer = await sign_in(guarded, made["key"])
    assert answer.json() | {"expires_at": ""} == {
        "name": "anton",
        "role": "attendant",
        "booth": None,
        "key_id": made["id"],
        "expires_at": "",
    }
    session = cookie_in(answer)
    who = await with_cookie(guarded, session, "GET", "/whoami")
    assert (who.json()["name"], who.json()["key_id"]) == ("anton", made["id"])
    refused = await with_cookie(guarded, session, "PUT", "/chargers/c1", body={})
    assert_problem(refused, 403, "anton has the role attendant")


async def test_the_cookie_is_for_this_host_and_no_script(guarded: RunningRegistry) -> None:
    plain = (await sign_in(guarded, ADMIN_KEY)).headers["Set-Cookie"].lower()
    assert plain.startswith("chargelight=")
    behind_tls = await sign_in(guarded, ADMIN_KEY, {"Origin": guarded.url.replace("http", "https")})
    secure = behind_tls.headers["Set-Cookie"].lower()
    assert secure.startswith("__host-chargelight=")
    for cookie in (plain, secure):
        parts = {part.strip() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= parts
        assert not any(part.startswith("domain") for part in parts)
        assert ("secure" in parts) == (cookie is secure)
    assert (await with_cookie(guarded, cookie_in(behind_tls), "GET", "/whoami")).is_success


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 401),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 401),
        ("GET", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("GET", FROM_CONSOLE, 200),
        # A link of ours, where there is no TLS.
        ("GET", {"Referer": "OWN/"}, 200),
        ("GET", {"Referer": "http://elsewhere.example/"}, 401),
        ("GET", {"Referer": "http://127.0.0.1:1/"}, 401),
        ("PUT", {"Referer": "OWN/", **FROM_CONSOLE}, 401),
        ("PUT", FROM_CONSOLE, 401),
        ("PUT", {"Origin": "OWN"}, 401),
        ("PUT", {"Origin": "OWN", "Sec-Fetch-Site": "same-origin"}, 401),
        ("PUT", {"Origin": "OWN", **FROM_CONSOLE}, 201),
        ("PUT", {"Origin": "http://elsewhere.example", **FROM_CONSOLE}, 403),
        ("PUT", {"Origin": "null", **FROM_CONSOLE}, 403),
    ],
)
async def test_only_a_page_of_ours_sends_the_cookie(
    guarded: RunningRegistry, method: str, headers: dict[str, str], status: int
) -> None:
    session = cookie_in(await sign_in(guarded, ADMIN_KEY))
    headers = {name: text.replace("OWN", guarded.url) for name, text in headers.items()}
    path = "/whoami" if method == "GET" else "/chargers/c1"
    body: object = None if method == "GET" else {}
    answer = await with_cookie(guarded, session, method, path, headers=headers, body=body)
    assert answer.status_code == status, answer.text


async def test_a_page_that_may_use_keys_may_use_no_cookie(
    start_registry: StartRegistry, by_hand: By
) -> None:
    await know_admin(by_hand)
    page = "https://booth.example.org"
    registry = await start_registry(operator_auth="required", origins=[page])
    session = cookie_in(await sign_in(registry, ADMIN_KEY))
    headers = {"Origin": page, **FROM_CONSOLE}
    answer = await with_cookie(registry, session, "PUT", "/chargers/c1", headers=headers, body={})
    assert answer.status_code == 401
    preflight = await registry.client.options(
        f"{registry.url}/whoami",
        headers={
            "Origin": page,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": CONSOLE,
        },
    )
    assert preflight.status_code == 400
    assert "access-control-allow-credentials" not in preflight.headers


async def test_signing_out_ends_the_session(guarded: RunningRegistry) -> None:
    session, other = [cookie_in(await sign_in(guarded, ADMIN_KEY)) for _ in range(2)]
    out = await with_cookie(guarded, session, "DELETE", "/session")
    assert out.status_code == 204
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    ended = await with_cookie(guarded, session, "GET", "/whoami")
    assert_problem(ended, 401, "this session has ended. Sign in again")
    assert (await with_cookie(guarded, other, "GET", "/whoami")).is_success
    # With a key there is none to end.
    assert (await send(guarded, ADMIN_KEY, "DELETE", "/session")).status_code == 204


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE sessions SET expires_at = clock_timestamp()",
        "UPDATE api_keys SET revoked_at = clock_timestamp()",
        "UPDATE api_keys SET expires_at = clock_timestamp()",
    ],
)
async def test_a_session_ends_in_time_and_with_its_key(
    guarded: RunningRegistry, by_hand: By, end: str
) -> None:
    session = cookie_in(await sign_in(guarded, ADMIN_KEY))
    cursor = await by_hand.execute("SELECT expires_at - created_at FROM sessions")
    ((lasts,),) = await cursor.fetchall()
    assert round(lasts.total_seconds()) == 12 * 3600
    await by_hand.execute(end.encode())
    ended = await with_cookie(guarded, session, "GET", "/whoami")
    assert_problem(ended, 401, "this session has ended")


async def test_a_session_makes_no_other_one(guarded: RunningRegistry) -> None:
    session = cookie_in(await sign_in(guarded, ADMIN_KEY))
    again = await with_cookie(guarded, session, "POST", "/session")
    assert_problem(again, 401, "present an API key")


async def test_a_code_comes_as_a_link_and_as_what_to_draw(guarded: RunningRegistry) -> None:
    made = await key_of(guarded, "anton", "attendant")
    shown = (await code_for(guarded, made["id"])).json()
    assert shown["link"] == f"{guarded.url}/console/#code={shown['code']}"
    assert shown["qr"] == qr.rows_of(shown["link"])
    assert len({*map(len, shown["qr"]), len(shown["qr"])}) == 1, "it is a square"
    assert {*"".join(shown["qr"])} == {"0", "1"}
    assert shown["qr"][0].startswith("11111110"), "the mark in its corner"


async def test_a_code_signs_in_once(guarded: RunningRegistry) -> None:
    made = await key_of(guarded, "anton", "attendant")
    shown = await code_for(guarded, made["id"])
    assert (shown.status_code, shown.json()["name"]) == (201, "anton")
    code = shown.json()["code"]
    # It opens nothing else.
    assert (await send(guarded, code, "GET", "/whoami")).status_code == 401
    answers = await asyncio.gather(*(sign_in(guarded, code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401, 401]
    (good,) = (answer for answer in answers if answer.is_success)
    who = await with_cookie(guarded, cookie_in(good), "GET", "/whoami")
    assert (who.json()["name"], who.json()["role"]) == ("anton", "attendant")
    used = await sign_in(guarded, code)
    assert_problem(used, 401, "this code is not good any more")
    (entry,) = await audit(guarded, "?kind=sign-in-code")
    told = (entry["who"], entry["action"], entry["subject"], entry["details"])
    assert told == ("chief", "created", made["id"], {})


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE sign_in_codes SET expires_at = clock_timestamp()",
        "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE name = 'anton'",
    ],
)
async def test_a_code_ends_in_time_and_with_its_key(
    guarded: RunningRegistry, by_hand: By, end: str
) -> None:
    made = await key_of(guarded, "anton", "attendant")
    code = (await code_for(guarded, made["id"])).json()["code"]
    cursor = await by_hand.execute(
        "SELECT expires_at <= clock_timestamp() + interval '5 min' FROM sign_in_codes"
    )
    assert await cursor.fetchall() == [(True,)]
    await by_hand.execute(end.encode())
    assert (await sign_in(guarded, code)).status_code == 401
    renewed = await code_for(guarded, made["id"])
    assert renewed.status_code == (409 if "revoked" in end else 201)


async def test_admins_make_codes_for_themselves_and_for_those_who_are_none(
    guarded: RunningRegistry,
) -> None:
    ada, olga = await key_of(guarded, "ada", "admin"), await key_of(guarded, "olga", "operator")
    assert (await code_for(guarded, olga["id"], ada["key"])).status_code == 201
    assert (await code_for(guarded, ada["id"], ada["key"])).status_code == 201
    chief = await code_for(guarded, id_in(ADMIN_KEY) or "", ada["key"])
    assert_problem(chief, 403, "make a code for your own")
    assert_problem(await code_for(guarded, olga["id"], olga["key"]), 403, "needs the role admin")
    for unknown in ("0123456789ab", "%", ADMIN_KEY):
        assert (await code_for(guarded, unknown)).status_code == 404


async def test_what_has_ended_is_removed(guarded: RunningRegistry, by_hand: By) -> None:
    await sign_in(guarded, ADMIN_KEY)
    await code_for(guarded, id_in(ADMIN_KEY) or "")
    left = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM sign_in_codes)"
    assert await (await by_hand.execute(left)).fetchall() == [(1, 1)]
    for table in (b"sessions", b"sign_in_codes"):
        await by_hand.execute(b"UPDATE " + table + b" SET expires_at = clock_timestamp()")

    async def are_gone() -> bool:
        return await (await by_hand.execute(left)).fetchall() == [(0, 0)]

    await eventually(are_gone)


async def test_of_very_many_sessions_of_a_key_the_oldest_end(
    guarded: RunningRegistry, by_hand: By
) -> None:
    await by_hand.execute(
        "INSERT INTO sessions (hash, key_id, created_at, expires_at) "
        "SELECT decode(md5(i::text), 'hex'), %s, now() - interval '1 h', now() + interval '1 h' "
        "FROM generate_series(1, 300) AS i",
        (id_in(ADMIN_KEY),),
    )
    session = cookie_in(await sign_in(guarded, ADMIN_KEY))
    cursor = await by_hand.execute("SELECT count(*) FROM sessions")
    assert await cursor.fetchall() == [(200,)]
    assert (await with_cookie(guarded, session, "GET", "/whoami")).is_success


async def test_no_log_and_no_table_has_a_session_or_a_code(
    guarded: RunningRegistry, by_hand: By, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (await code_for(guarded, id_in(ADMIN_KEY) or "")).json()["code"]
    _, session = cookie_in(await sign_in(guarded, code))
    await with_cookie(guarded, ("chargelight", session), "GET", "/whoami")
    await sign_in(guarded, code)
    kept = capsys.readouterr().out
    assert "signed in" in kept
    for table in (b"sessions", b"sign_in_codes", b"audit_log"):
        cursor = await by_hand.execute(b"SELECT t::text FROM " + table + b" AS t")
        kept += str(await cursor.fetchall())
    for secret in (code, session):
        assert secret not in kept


async def test_where_no_keys_are_required_there_are_no_sessions(registry: RunningRegistry) -> None:
    body: Any = {"key_id": "0123456789ab"}
    for path, sent in (("/session", None), ("/session/codes", body)):
        answer = await registry.send("POST", path, sent)
        assert_problem(answer, 409, "CHARGELIGHT_REGISTRY_OPERATOR_AUTH=required")
