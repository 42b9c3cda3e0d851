"""Keys that are limited to a booth see and change what is there, and nothing else."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from psycopg.sql import SQL, Identifier

from services.registry.backup.tables import TABLES
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.by_rest import assert_problem
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry
from tests.integration.registry.events import watching
from tests.integration.registry.test_access import send

RENTALS: Final = {"own": str(uuid.UUID(int=1)), "far": str(uuid.UUID(int=2))}
BOOTHS: Final = ("own", "far")

# All that is in the other booth has this in its name.
MARK: Final = "far"

NAMED: Final = {
    "charger": "{booth}-spare-charger",
    "widget": "{booth}-spare-widget",
    "booth": "{booth}",
    "rental": "rental",
}
"""What is in a booth, by the first word of a parameter or a member."""

OTHERS: Final = {
    "key_id": "0123456789ab",
    "name": "x",
    "role": "viewer",
    "secret": "s" * 20,
    "full_when": "suspended",
    "ticket": "t",
    "command": "unlock",
}
"""Other parameters and members, without which a request would make no sense."""


NAMES_NOTHING: Final = {
    *("GET /whoami", "GET /booths", "GET /chargers", "GET /widgets", "GET /pairings"),
    *("GET /rentals", "GET /summary", "GET /state", "GET /audit", "GET /export"),
    *("POST /session", "DELETE /session", "GET /live", "GET /live/snapshot"),
    *("GET /find", "GET /labels", "GET /board"),
}
"""What such a key may ask without naming a thing: each shows only what is in its booth."""


@pytest.fixture
async def guarded(start_registry: StartRegistry, by_hand: By) -> RunningRegistry:
    await know_admin(by_hand)
    return await start_registry(operator_auth="required", credential_key="k" * 32)


async def fill(registry: RunningRegistry) -> None:
    """Make two booths with the same in each."""
    for booth in BOOTHS:
        assert (
            await send(registry, ADMIN_KEY, "POST", "/booths", {"name": booth})
        ).status_code == 201
        for kind in ("charger", "widget"):
            for path in (f"/{kind}s/{booth}-{kind}", f"/{kind}s/{booth}-spare-{kind}"):
                body = {"booth": booth, "label": f"{booth}-label"}
                assert (await send(registry, ADMIN_KEY, "PUT", path, body)).status_code == 201
        body = {
            "charger": f"{booth}-charger",
            "widget": f"{booth}-widget",
            "ticket": f"{booth}-ticket",
        }
        path = f"/rentals/{RENTALS[booth]}"
        assert (await send(registry, ADMIN_KEY, "PUT", path, body)).status_code == 201


async def key_for(registry: RunningRegistry, name: str, role: str, booth: str | None) -> str:
    wish = {"name": name, "role": role, "booth": booth}
    made = await send(registry, ADMIN_KEY, "POST", "/keys", wish)
    assert (made.status_code, made.json().get("booth")) == (201, booth), made.text
    key: str = made.json()["key"]
    return key


async def ask(
    registry: RunningRegistry, key: str, operation: str, path: str, body: object = None
) -> httpx.Response:
    """Send a request; of a stream, read only its beginning."""
    if operation == "GET /live":
        async with watching(registry, path, key) as events:
            tiles = await events.until("tiles")
            return httpx.Response(events.answer.status_code, json=tiles.data)
    return await send(registry, key, operation.partition(" ")[0], path, body)


def named(word: str, booth: str) -> str:
    """Return what a parameter or member of this name is in a booth: what is free, if it can be."""
    name = NAMED[word.partition("_")[0]].format(booth=booth)
    return RENTALS[booth] if name == "rental" else name


class Operations:
    """All operations of the document, with requests that name what is in a booth."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas = document["components"]["schemas"]
        self.all = {
            f"{method.upper()} {path}": operation
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    def requests(self, operation: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Yield paths and bodies, each of which names something elsewhere, if it can."""
        members = self._members(operation)
        own = {name: value(name, "own") for name in members}
        yield self._path(operation, "far"), own or None
        for name in members & NAMED.keys():
            yield self._path(operation, "own"), {**own, name: named(name, "far")}

    def _path(self, operation: str, booth: str) -> str:
        path = operation.partition(" ")[2]
        if operation == "PUT /rentals/{rental_id}" and booth == "own":
            return f"/rentals/{uuid.uuid4()}"
        kind = "widget" if path.startswith("/widgets") else "charger"
        return re.sub(
            r"\{(\w+)\}", lambda found: value(found[1].replace("device", kind), booth), path
        )

    def _members(self, operation: str) -> set[str]:
        """Return the members of its body that matter here."""
        content = self.all[operation].get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        known: set[str] = set()
        for each in [schema, *schema.get("anyOf", [])]:
            name = each.get("$ref", "").rpartition("/")[2]
            known |= set(self._schemas.get(name, {}).get("properties", {}))
        return known & (NAMED.keys() | OTHERS.keys())


def value(name: str, booth: str) -> str:
    return OTHERS[name] if name in OTHERS else named(name, booth)


async def everything(by_hand: By) -> list[str]:
    """Return all rows about the other booth, but what is noted of the attempts."""
    found = []
    for table in set(TABLES) - {"audit_log", "api_keys"}:
        query = SQL("SELECT t::text FROM {} AS t WHERE t::text LIKE '%far%' ORDER BY 1")
        cursor = await by_hand.execute(query.format(Identifier(table)))
        found += [row for (row,) in await cursor.fetchall()]
    return found


@pytest.mark.parametrize("role", ["viewer", "attendant", "operator"])
async def test_no_operation_shows_or_changes_what_is_elsewhere(
    guarded: RunningRegistry, by_hand: By, role: str
) -> None:
    """Also one that is added some day: all that the document has is tried."""
    await fill(guarded)
    key = await key_for(guarded, "limited", role, "own")
    document = (await send(guarded, ADMIN_KEY, "GET", "/openapi.json")).json()
    operations = Operations(document)
    assert len(operations.all) > 50
    before = await everything(by_hand)
    assert len(before) > 6
    for operation in sorted(operations.all):
        for path, body in operations.requests(operation):
            answer = await ask(guarded, key, operation, path, body)
            told = (operation, path, body, answer.text)
            asked = f"{path} {json.dumps(body)}"
            if MARK in asked or RENTALS[MARK] in asked:
                assert answer.status_code in {403, 404}, told
            # Nothing of elsewhere but what was asked for.
            assert {*re.findall(r"far[\w-]*", answer.text)} <= {*re.findall(r"far[\w-]*", asked)}, (
                told
            )
    assert await everything(by_hand) == before


async def test_all_else_that_names_nothing_needs_the_whole_hub(guarded: RunningRegistry) -> None:
    await fill(guarded)
    key = await key_for(guarded, "olga", "operator", "own")
    document = (await send(guarded, ADMIN_KEY, "GET", "/openapi.json")).json()
    operations = Operations(document).all
    admitted = {
        operation
        for operation in operations
        if "{" not in operation
        and (await ask(guarded, key, operation, operation.split()[1])).status_code != 403
    }
    assert admitted == NAMES_NOTHING


async def test_a_connector_is_registered_only_beside_a_charger_of_ones_booth(
    guarded: RunningRegistry,
) -> None:
    await fill(guarded)
    key = await key_for(guarded, "olga", "operator", "own")
    for path, status in (
        ("/chargers/far-charger:2", 404),
        ("/chargers/own-charger:2", 201),
        ("/chargers/own-charger:2", 200),
        ("/chargers/none:2", 404),
    ):
        assert (await send(guarded, key, "PUT", path, {})).status_code == status, path


async def test_a_reset_that_another_booth_would_feel_is_refused(guarded: RunningRegistry) -> None:
    await fill(guarded)
    key = await key_for(guarded, "olga", "operator", "own")

    async def command(name: str) -> httpx.Response:
        path = "/chargers/own-charger/commands"
        return await send(guarded, key, "POST", path, {"command": name})

    for booth, is_felt in ("own", False), ("far", True), ("", True):
        path = "/chargers/own-charger:2"
        assert (await send(guarded, ADMIN_KEY, "PUT", path, {"booth": booth})).is_success
        if is_felt:
            assert_problem(await command("reset"), 403, "another booth")
        else:
            assert_problem(await command("reset"), 409, "not connected")
        assert_problem(await command("unlock"), 409, "not connected")
    # A charger whose id only begins alike is another one.
    assert (await send(guarded, ADMIN_KEY, "DELETE", "/chargers/own-charger:2")).is_success
    assert (await send(guarded, ADMIN_KEY, "PUT", "/chargers/own-charger2", {})).is_success
    assert_problem(await command("reset"), 409, "not connected")


async def test_what_is_in_ones_booth_is_there(guarded: RunningRegistry) -> None:
    await fill(guarded)
    key = await key_for(guarded, "olga", "operator", "own")
    assert (await send(guarded, key, "GET", "/whoami")).json()["booth"] == "own"
    for path, name, expected in (
        ("/booths", "id", ["own"]),
        ("/chargers", "id", ["own-charger", "own-spare-charger"]),
        ("/chargers?booth=own", "id", ["own-charger", "own-spare-charger"]),
        ("/widgets", "id", ["own-spare-widget", "own-widget"]),
        ("/pairings", "charger", ["own-charger"]),
        ("/rentals", "charger", ["own-charger"]),
        ("/state", "id", ["own-charger", "own-spare-charger"]),
    ):
        found = (await send(guarded, key, "GET", path)).json()["items"]
        assert [each[name] for each in found] == expected, path
    assert (await send(guarded, key, "GET", "/summary")).json()["rentals"] == 1
    entries = (await send(guarded, key, "GET", "/audit?limit=1000")).json()["items"]
    assert {each["booth"] for each in entries} == {"own"}
    assert {each["kind"] for each in entries} == {
        *("booth", "charger", "widget", "pairing", "rental")
    }
    lines = (await send(guarded, key, "GET", "/export")).text.splitlines()
    assert len(lines) == 5
    for path in (
        *("/booths/own", "/chargers/own-charger", "/chargers/own-charger/state"),
        *("/widgets/own-widget/pairing", "/explanations/own-widget", f"/rentals/{RENTALS['own']}"),
        "/widgets/own-widget/secret",
    ):
        assert (await send(guarded, key, "GET", path)).status_code == 200, path
    for path in ("/chargers?booth=far", "/rentals?booth=", "/hub", "/refused"):
        assert_problem(await send(guarded, key, "GET", path), 403, "limited to the booth own")


async def test_a_new_device_is_in_ones_own_booth(guarded: RunningRegistry) -> None:
    await fill(guarded)
    key = await key_for(guarded, "olga", "operator", "own")
    made = await send(guarded, key, "PUT", "/chargers/FAR-charger", {"label": "x"})
    assert (made.status_code, made.json()["booth"], "hint" in made.json()) == (201, "own", False)
    for booth in ("far", ""):
        refused = await send(guarded, key, "PATCH", "/chargers/FAR-charger", {"booth": booth})
        assert_problem(refused, 403, "limited to the booth own")
    kept = await send(guarded, key, "PUT", "/chargers/FAR-charger", {"booth": "own"})
    assert kept.status_code == 200
    pairing = await send(
        guarded, key, "PUT", "/pairings/FAR-charger", {"widget": "own-spare-widget"}
    )
    assert pairing.status_code == 200


async def test_a_short_id_tells_nothing_of_elsewhere(guarded: RunningRegistry) -> None:
    await fill(guarded)
    key = await key_for(guarded, "anton", "attendant", "own")
    far = (await send(guarded, ADMIN_KEY, "GET", f"/rentals/{RENTALS['far']}")).json()["short_id"]
    own = (await send(guarded, ADMIN_KEY, "GET", f"/rentals/{RENTALS['own']}")).json()["short_id"]
    assert (await send(guarded, key, "GET", f"/rentals/{own}")).status_code == 200
    refused = assert_problem(await send(guarded, key, "GET", f"/rentals/{far}"), 404)
    assert refused["detail"] == f"there is no rental {far}"
    assert (await send(guarded, key, "GET", "/rentals/nonsense!")).status_code == 422


async def test_of_a_charger_and_a_widget_with_one_id_both_must_be_there(
    guarded: RunningRegistry,
) -> None:
    await fill(guarded)
    await send(guarded, ADMIN_KEY, "PUT", "/chargers/x", {"booth": "far"})
    await send(guarded, ADMIN_KEY, "PUT", "/widgets/x", {"booth": "own"})
    key = await key_for(guarded, "vera", "viewer", "own")
    assert (await send(guarded, key, "GET", "/explanations/x")).status_code == 404
    assert (await send(guarded, key, "GET", "/widgets/x/explanation")).status_code == 200


async def test_a_charger_that_is_taken_elsewhere_is_gone(guarded: RunningRegistry) -> None:
    await fill(guarded)
    key = await key_for(guarded, "anton", "attendant", "own")
    await send(guarded, ADMIN_KEY, "PATCH", "/chargers/own-charger", {"booth": "far"})
    rental = f"/rentals/{RENTALS['own']}"
    assert (await send(guarded, key, "GET", rental)).status_code == 404
    assert (await send(guarded, key, "PUT", f"{rental}/collection")).status_code == 404


async def test_an_admin_has_the_whole_hub(guarded: RunningRegistry) -> None:
    await fill(guarded)
    for wish, status, words in (
        ({"name": "ada", "role": "admin", "booth": "own"}, 422, "an admin has the whole hub"),
        ({"name": "ada", "role": "viewer", "booth": "none"}, 404, "no booth with the id 'none'"),
    ):
        assert_problem(await send(guarded, ADMIN_KEY, "POST", "/keys", wish), status, words)


async def test_a_booth_stays_while_keys_are_limited_to_it(guarded: RunningRegistry) -> None:
    await send(guarded, ADMIN_KEY, "POST", "/booths", {"name": "own"})
    made = await send(
        guarded, ADMIN_KEY, "POST", "/keys", {"name": "vera", "role": "viewer", "booth": "own"}
    )
    kept = await send(guarded, ADMIN_KEY, "DELETE", "/booths/own")
    assert_problem(kept, 409, "keys are limited to own: of vera")
    renewed = await send(guarded, ADMIN_KEY, "POST", f"/keys/{made.json()['id']}/renewal")
    assert renewed.json()["booth"] == "own"
    for key in (made.json(), renewed.json()):
        assert (await send(guarded, key["key"], "GET", "/whoami")).json()["booth"] == "own"
        await send(guarded, ADMIN_KEY, "DELETE", f"/keys/{key['id']}")
    assert (await send(guarded, ADMIN_KEY, "DELETE", "/booths/own")).status_code == 204
