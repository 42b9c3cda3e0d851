"""What people expect of any REST API: HEAD, encoded slashes, a path prefix, times."""

import re
from typing import Any, Final, cast

import httpx
import pytest

from services.registry.routes.build import build
from tests.integration.registry.by_rest import assert_problem, paired, registered
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry

NOTHING: Final = cast("Any", None)
PATHS: Final[dict[str, Any]] = build(NOTHING).openapi()["paths"]
RENTAL: Final = "7b1f0c52-4a52-4a06-9a4f-3f0e6f0b8a11"

BODIES: Final[dict[str, Any]] = {
    "pair_charger": {"widget": "w1"},
    "pair_widget": {"charger": "c1"},
    "open_rental": {"charger": "c1"},
    "set_charger_secret": {"secret": "a-secret-of-some-length"},
    "set_widget_secret": {"secret": "a-secret-of-some-length"},
    "set_full_when": {"full_when": "suspended"},
    "update_charger": {},
    "update_widget": {},
    "rename_booth": {"name": "Tower"},
    "command_charger": {"command": "unlock"},
}
"""Of the operations that need one."""

QUERIES: Final = {"/find": "?q=c1", "/labels": "?kind=charger"}
"""Of what can be got, and must be asked for by one."""


async def fill(registry: RunningRegistry, by_hand: By) -> dict[str, str]:
    """Make one thing of each kind, and return their ids by the path parameters' names."""
    await registered(registry, "/chargers/c1")
    await registered(registry, "/widgets/w1")
    await paired(registry, "c1", "w1")
    await registry.send("PUT", f"/rentals/{RENTAL}", {"charger": "c1"})
    # The registry makes none while it requires none.
    await by_hand.execute(
        "INSERT INTO api_keys (id, name, role, hash) VALUES ('k1', 'anna', 'viewer', '')"
    )
    await registry.send("POST", "/booths", {"name": "Main stage", "id": "b1"})
    ids = {"charger_id": "c1", "widget_id": "w1", "booth_id": "b1"}
    return ids | {"rental_id": RENTAL, "key_id": "k1"}


def concrete(path: str, ids: dict[str, str]) -> str:
    """Return a path of the document with these ids in it."""
    return path.format(device_id="c1" if path.startswith("/chargers") else "w1", **ids)


async def test_what_can_be_got_has_a_head(registry: RunningRegistry, by_hand: By) -> None:
    ids = await fill(registry, by_hand)
    # `/live` never ends; what its head says is in `test_live`.
    gettable = [path for path, methods in PATHS.items() if "get" in methods and path != "/live"]
    paths = [concrete(path, ids) + QUERIES.get(path, "") for path in gettable]
    for path in [*paths, "/", "/docs", "/openapi.json", "/static-offline-docs/favicon.png"]:
        got = await registry.send("GET", path)
        head = await registry.send("HEAD", path)
        assert got.status_code == (307 if path == "/" else 200), path
        assert (head.status_code, head.content) == (got.status_code, b"")
        for name in ("content-type", "etag", "location", "content-disposition"):
            assert head.headers.get(name) == got.headers.get(name)


async def test_a_head_of_what_is_not_there_is_refused_like_a_get(registry: RunningRegistry) -> None:
    assert (await registry.send("HEAD", "/chargers/c9")).status_code == 404
    refused = await registry.send("HEAD", "/import")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


async def test_an_encoded_slash_is_part_of_an_id_that_is_refused_in_words(
    start_registry: StartRegistry, by_hand: By
) -> None:
    registry = await start_registry(credential_key="a-key-of-digests-of-32-characters")
    ids = await fill(registry, by_hand)
    parameters = [(path, name) for path in PATHS for name in re.findall(r"{(\w+)}", path)]
    for path, name in parameters:
        # What stands behind it would lead to another route, if it were taken for a slash.
        for wrong in ("a%2Fb", "c1%2fstate"):
            address = concrete(path.replace(f"{{{name}}}", wrong), ids)
            for method, operation in PATHS[path].items():
                body = BODIES.get(operation["operationId"])
                answer = await registry.send(method.upper(), address, body)
                assert_refused_in_words(answer, f"path.{name}: ")
    everything = await registry.send("GET", "/export?format=jsonl")
    assert everything.text.count("\n") == 2, "something was registered"


def assert_refused_in_words(answer: httpx.Response, where: str) -> None:
    if answer.status_code == 422:
        assert_problem(answer, 422, where)
    else:
        # Such as not-registered; a 404 without a type means that there is no such route.
        assert assert_problem(answer, 404)["type"] != "about:blank", answer.request.url


# --- Behind a path prefix.

PREFIX: Final = "/booth/registry"


@pytest.mark.parametrize("seen", ["", PREFIX], ids=["removed", "passed on"])
async def test_the_api_works_behind_a_proxy_with_a_prefix(
    start_registry: StartRegistry, seen: str
) -> None:
    prefixed = await start_registry(path_prefix=PREFIX)
    assert (await prefixed.send("PUT", f"{seen}/chargers/c1", {})).status_code == 201
    assert (await prefixed.send("GET", f"{seen}/chargers/c1/state")).json()["id"] == "c1"
    wrong = await prefixed.send("GET", f"{seen}/chargers?loaction=here")
    assert_problem(wrong, 422, "there are q, location")
    assert_problem(await prefixed.send("GET", f"{seen}/chargers/c1%2Fstate"), 404, "c1%2Fstate")
    assert (await prefixed.send("POST", f"{seen}/chargers/c1")).headers["allow"] == (
        "DELETE, GET, HEAD, PATCH, PUT"
    )
    # An import may be larger than other bodies.
    rows = "".join(f"charger,d{number},{'x' * 190}\n" for number in range(400))
    imported = await prefixed.client.post(
        f"{prefixed.url}{seen}/import",
        content=f"kind,id,label\n{rows}",
        headers={"content-type": "text/csv"},
    )
    assert (imported.status_code, imported.json()["created"]) == (200, 400)


# --- Times.

TIMES: Final = [
    (path, parameter["name"])
    for path, operations in PATHS.items()
    for parameter in operations.get("get", {}).get("parameters", ())
    if "'date-time'" in str(parameter["schema"])
]
"""Each parameter that is a time, with its path."""


async def test_a_plus_that_arrives_as_a_space_is_explained_for_every_time(
    registry: RunningRegistry,
) -> None:
    assert ("/audit", "since") in TIMES
    for path, name in TIMES:
        for typed in (
            "2026-07-01T10:00:00+02:00",
            "2026-07-01T10:00:00.5+0200",
            "2026-07-01T10:00+02:00",
            "2026-07-01%2010:00:00+02:00",
        ):
            refused = await registry.send("GET", f"{path}?{name}={typed}")
            right = typed.replace("+", "%2B").replace("%20", " ")
            said = assert_problem(refused, 422, f"query.{name}: ", "Write %2B", right)
            assert "should be" not in said["detail"]
            taken = await registry.send("GET", f"{path}?{name}={right}")
            assert taken.status_code == 200


async def test_a_space_that_was_no_plus_is_not_taken_for_one(registry: RunningRegistry) -> None:
    for path, name in TIMES:
        for no_zone in ("2026-07-01 10:00:00", "2026-07-01 02:00"):
            refused = await registry.send("GET", f"{path}?{name}={no_zone}")
            assert "%2B" not in assert_problem(refused, 422)["detail"]
