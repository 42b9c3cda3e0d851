"""Booths: the places of a festival, and the devices in them."""

import contextlib
import uuid
from typing import Any

import httpx
import pytest
from psycopg import AsyncConnection

from services.registry.postgres.migrate import load, migrate
from shared.bus.bus import Bus
from shared.contract.names import Names
from tests.integration.registry.by_rest import (
    assert_problem,
    exported,
    imported,
    paired,
    refused,
    registered,
)
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry, eventually
from tests.integration.registry.test_state import Hub

BEFORE_BOOTHS = 14
"""Migrations that an older registry knows."""


async def made(registry: RunningRegistry, name: str, **more: str) -> str:
    answer = await registry.send("POST", "/booths", {"name": name, **more})
    assert answer.status_code == 201, answer.text
    booth_id: str = answer.json()["id"]
    return booth_id


async def items(registry: RunningRegistry, path: str) -> list[dict[str, Any]]:
    answer = await registry.send("GET", path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def ids(registry: RunningRegistry, path: str, name: str = "id") -> list[str]:
    return [each[name] for each in await items(registry, path)]


async def rent(registry: RunningRegistry, charger: str, widget: str, **more: str) -> str:
    rental = str(uuid.uuid4())
    body = {"charger": charger, "widget": widget, **more}
    answer = await registry.send("PUT", f"/rentals/{rental}", body)
    assert answer.status_code == 201, answer.text
    return rental


@pytest.mark.parametrize(
    ("name", "booth_id"),
    [
        ("Main stage", "main-stage"),
        ("  Hauptbühne 2 ", "hauptbuhne-2"),
        ("舞台", "booth"),
        ("x" * 200, "x" * 50),
        ("-- a --", "a"),
    ],
)
async def test_an_id_is_made_of_the_name(
    registry: RunningRegistry, name: str, booth_id: str
) -> None:
    assert await made(registry, name) == booth_id
    assert (await registry.send("GET", f"/booths/{booth_id}")).json()["name"] == name.strip()
    # The next one whose name has the same letters gets another id.
    assert await made(registry, f"{name.strip()[:50]}!") == f"{booth_id}-2"


async def test_a_booth_is_made_renamed_and_removed(registry: RunningRegistry) -> None:
    assert await made(registry, "Tower", id="T1") == "T1"
    renamed = await registry.send("PATCH", "/booths/T1", {"name": "tower"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "tower")
    assert (await registry.send("DELETE", "/booths/T1")).status_code == 204
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        answer = await registry.send(method, "/booths/T1", body)
        assert_problem(answer, 404, "no booth with the id 'T1'")
    assert_problem(await registry.send("DELETE", "/booths/a%2Fb"), 404)
    entries = await items(registry, "/audit?kind=booth")
    assert [(each["action"], each["subject"]) for each in reversed(entries)] == [
        ("created", "T1"),
        ("changed", "T1"),
        ("removed", "T1"),
    ]
    assert {each["booth"] for each in entries} == {"T1"}


async def test_no_two_have_one_name_or_one_id(registry: RunningRegistry) -> None:
    await made(registry, "Café")
    await made(registry, "Tower")
    again = await registry.send("POST", "/booths", {"name": "CAFE"})
    assert_problem(again, 409, "the booth cafe has the name Café already")
    renamed = await registry.send("PATCH", "/booths/tower", {"name": "cafe"})
    assert_problem(renamed, 409, "the booth cafe has the name Café already")
    same_id = await registry.send("POST", "/booths", {"name": "Other", "id": "tower"})
    assert_problem(same_id, 409, "tower is the id of the booth Tower")
    assert (await registry.send("POST", "/booths", {"name": "  "})).status_code == 422
    assert await ids(registry, "/booths") == ["cafe", "tower"]


async def test_a_booth_with_devices_stays(registry: RunningRegistry) -> None:
    await made(registry, "Tower")
    await registered(registry, "/widgets/w1", booth="tower")
    kept = await registry.send("DELETE", "/booths/tower")
    assert_problem(kept, 409, "there are devices in tower: 1")
    await registry.send("PATCH", "/widgets/w1", {"booth": ""})
    assert (await registry.send("DELETE", "/booths/tower")).status_code == 204


async def test_a_device_is_put_into_a_booth_and_taken_out(registry: RunningRegistry) -> None:
    await made(registry, "Tower")
    await made(registry, "Bar")
    assert (await registered(registry, "/chargers/c1", booth="tower"))["booth"] == "tower"
    assert (await registered(registry, "/chargers/c2"))["booth"] is None
    tagged = await registry.send("GET", "/chargers/c1")
    moved = await registry.send("PATCH", "/chargers/c1", {"booth": "bar"})
    assert moved.json()["booth"] == "bar"
    assert moved.headers["ETag"] != tagged.headers["ETag"]
    # What is left out stays.
    assert (await registry.send("PUT", "/chargers/c1", {"label": "x"})).json()["booth"] == "bar"
    assert (await registry.send("PATCH", "/chargers/c1", {"booth": ""})).json()["booth"] is None
    for path in ("/chargers/c1", "/chargers/new"):
        nowhere = await registry.send("PUT", path, {"booth": "nowhere"})
        assert_problem(nowhere, 404, "no booth with the id 'nowhere'")
    assert (await registry.send("PATCH", "/chargers/c1", {"booth": "a b"})).status_code == 422
    assert (await registry.send("GET", "/chargers/new")).status_code == 404


async def fill(registry: RunningRegistry) -> None:
    """Two booths with a pair each, and a pair in none."""
    for number, booth in enumerate(("tower", "bar", "")):
        if booth:
            await made(registry, booth)
        await registered(registry, f"/chargers/c{number}", booth=booth)
        await registered(registry, f"/widgets/w{number}", booth=booth)
        await paired(registry, f"c{number}", f"w{number}")
        await rent(registry, f"c{number}", f"w{number}")


async def test_lists_are_of_one_booth_or_of_none(registry: RunningRegistry) -> None:
    await fill(registry)
    for booth, number in (("tower", 0), ("bar", 1), ("", 2)):
        assert await ids(registry, f"/chargers?booth={booth}") == [f"c{number}"]
        assert await ids(registry, f"/widgets?booth={booth}") == [f"w{number}"]
        assert await ids(registry, f"/pairings?booth={booth}", "charger") == [f"c{number}"]
        assert await ids(registry, f"/rentals?booth={booth}", "charger") == [f"c{number}"]
        assert await ids(registry, f"/state?booth={booth}") == [f"c{number}"]
        assert (await registry.send("GET", f"/summary?booth={booth}")).json()["rentals"] == 1
        file = (await registry.send("GET", f"/export?booth={booth}")).text.splitlines()
        assert [line.split(",")[1] for line in file[1:]] == [f"c{number}", f"w{number}"]
    assert await ids(registry, "/chargers?booth=nowhere") == []
    assert len(await ids(registry, "/chargers")) == 3
    told = {each["subject"] for each in await items(registry, "/audit?booth=bar&limit=1000")}
    assert {"bar", "c1", "w1"} < told
    assert not told & {"tower", "c0", "w0", "c2", "w2"}


async def test_what_goes_on_is_counted_by_booth(
    registry: RunningRegistry, bus: Bus, names: Names
) -> None:
    hub = Hub(bus, names)
    await hub.heard_of("gateway-1", ago=0)
    await made(registry, "Empty")
    await made(registry, "Tower")
    for number, status in enumerate(("charging", "charging80", "charged", "")):
        charger, widget = f"c{number}", f"w{number}"
        await registered(registry, f"/chargers/{charger}", booth="tower")
        await registered(registry, f"/widgets/{widget}", booth="tower")
        number_of_pair = (await paired(registry, charger, widget))["pairing_number"]
        if status:
            await hub.at(charger, "gateway-1")
            await hub.light(widget, number_of_pair, status, charger)
    empty, tower = await items(registry, "/booths")
    figures = ("chargers", "widgets", "online", "charging", "ready")
    assert [empty[name] for name in figures] == [0, 0, 0, 0, 0]
    assert [tower[name] for name in figures] == [4, 4, 3, 2, 1]
    assert (await registry.send("GET", "/booths/tower")).json() == tower


async def test_while_redis_is_away_only_that_is_not_known(start_registry: StartRegistry) -> None:
    registry = await start_registry(redis_url="redis://127.0.0.1:1", ready=False)

    async def has_tables() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await registry.send("GET", "/booths")).status_code == 200
        return False

    await eventually(has_tables)
    await made(registry, "Tower")
    (tower,) = await items(registry, "/booths")
    assert (tower["chargers"], tower["online"], tower["ready"]) == (0, None, None)


async def test_a_rental_is_where_its_charger_is(registry: RunningRegistry) -> None:
    await fill(registry)
    (collected,) = await ids(registry, "/rentals?booth=tower")
    await registry.send("PUT", f"/rentals/{collected}/collection")
    open_ = await rent(registry, "c0", "w0")
    await registry.send("PATCH", "/chargers/c0", {"booth": "bar"})
    assert open_ in await ids(registry, "/rentals?booth=bar")
    assert await ids(registry, "/rentals?booth=tower") == [collected]
    # It stays there, also if its charger is no more.
    await registry.send("DELETE", "/chargers/c0")
    assert (await registry.send("GET", f"/rentals/{open_}")).json()["booth"] == "bar"


# Files.

FILE = """kind,id,label,location,booth,widget
charger,c1,left,,Main Stage,w1
charger,c2,right,,main stage,
widget,w1,,,tower,
widget,w2,,,,
"""


async def test_a_file_makes_no_booth_unless_it_is_asked_to(registry: RunningRegistry) -> None:
    await made(registry, "Tower")
    remedy = "make it first, or import with ?create_booths=true (on the command line"
    for dry_run in (True, False):
        assert await refused(registry, FILE, dry_run=dry_run) == [
            (2, "booth", f"there is no booth 'Main Stage'; {remedy} --create-booths)"),
            (3, "booth", f"there is no booth 'main stage'; {remedy} --create-booths)"),
        ]
    assert await ids(registry, "/booths") == ["tower"]


async def post(registry: RunningRegistry, query: str) -> dict[str, Any]:
    answer = await registry.client.post(
        f"{registry.url}/import?create_booths=true&{query}",
        content=FILE,
        headers={"content-type": "text/csv"},
    )
    assert answer.status_code == 200, answer.text
    did: dict[str, Any] = answer.json()
    return did


async def test_a_file_may_make_the_booths_that_it_names(registry: RunningRegistry) -> None:
    await made(registry, "Tower")
    told = await post(registry, "dry_run=true")
    assert [each.get("booth") for each in told["outcomes"]] == [
        *("main-stage", "main-stage", "tower", None)
    ]
    assert [each["name"] for each in told["booths"]] == ["Main Stage"]
    assert await ids(registry, "/booths") == ["tower"]

    did = await post(registry, "")
    assert (did["created"], [each["id"] for each in did["booths"]]) == (4, ["main-stage"])
    assert await ids(registry, "/chargers?booth=main-stage") == ["c1", "c2"]
    (line,) = await items(registry, "/audit?kind=import")
    assert line["details"]["booths"] == 1
    parts = await items(registry, f"/audit?import_id={line['subject']}")
    assert ("booth", "main-stage") in {(each["kind"], each["subject"]) for each in parts}

    again = await post(registry, "")
    assert (again["unchanged"], "booths" in again) == (4, False)


async def test_a_file_moves_devices_and_leaves_others(registry: RunningRegistry) -> None:
    await fill(registry)
    content = await exported(registry)
    assert content.splitlines()[1:3] == [b"charger,c0,,,tower,w0", b"charger,c1,,,bar,w1"]
    assert (await imported(registry, content))["unchanged"] == 6
    did = await imported(registry, "kind,id,booth\ncharger,c0,BAR\ncharger,c1,\n")
    assert did["updated"] == 2
    assert await ids(registry, "/chargers?booth=bar") == ["c0"]
    assert await ids(registry, "/rentals?booth=bar", "charger") == ["c0"]
    # Without the column all stay where they are.
    await imported(registry, "kind,id,label\ncharger,c0,x\n")
    assert await ids(registry, "/chargers?booth=bar") == ["c0"]


async def test_an_id_goes_before_a_name(registry: RunningRegistry) -> None:
    await made(registry, "bar", id="tower")
    await made(registry, "tower", id="bar")
    await imported(registry, "kind,id,booth\ncharger,c1,tower\ncharger,c2,Tower\n")
    assert await ids(registry, "/chargers?booth=tower") == ["c1"]
    assert await ids(registry, "/chargers?booth=bar") == ["c2"]


# From tables without booths, and beside a registry that knows none.


async def test_locations_in_use_become_booths(empty_postgres_dsn: str) -> None:
    async with await AsyncConnection.connect(empty_postgres_dsn, autocommit=True) as connection:
        await migrate(connection, load()[:BEFORE_BOOTHS])
        await connection.execute(
            """
            INSERT INTO chargers (id, location) VALUES
                ('c1', 'Main stage'), ('c2', ' main stage '), ('c3', ''), ('c4', 'Bar');
            INSERT INTO chargers (id, location, canary) VALUES ('c5', 'Main stage', true);
            INSERT INTO widgets (id, location) VALUES ('w1', 'MAIN STAGE'), ('w2', 'Zelt Süd');
            INSERT INTO pairings (charger_id, widget_id) VALUES ('c1', 'w1');
            INSERT INTO rentals (id, charger_id, widget_id, pairing_number)
                VALUES (gen_random_uuid(), 'c1', 'w1', 1)
            """
        )
        before = await rows(connection, "SELECT id, details FROM audit_log ORDER BY id")
        await migrate(connection, load())
        assert before == await rows(connection, "SELECT id, details FROM audit_log ORDER BY id")
        assert await rows(connection, "SELECT id, name FROM booths ORDER BY id") == [
            ("bar", "Bar"),
            ("main-stage", "MAIN STAGE"),
            ("zelt-sud", "Zelt Süd"),
        ]
        assert await rows(connection, "SELECT id, booth, location FROM chargers ORDER BY id") == [
            ("c1", "main-stage", "Main stage"),
            ("c2", "main-stage", " main stage "),
            ("c3", None, ""),
            ("c4", "bar", "Bar"),
            ("c5", None, "Main stage"),
        ]
        assert await rows(connection, "SELECT booth FROM widgets ORDER BY id") == [
            ("main-stage",),
            ("zelt-sud",),
        ]
        assert await rows(connection, "SELECT booth FROM rentals") == [("main-stage",)]
        # Recorded as before from then on.
        await connection.execute("UPDATE chargers SET label = 'x' WHERE id = 'c1'")
        told = "SELECT details, booth FROM audit_log ORDER BY id DESC LIMIT 1"
        assert await rows(connection, told) == [({"label": ["", "x"]}, "main-stage")]


async def rows(connection: AsyncConnection[Any], query: str) -> list[Any]:
    return await (await connection.execute(query.encode())).fetchall()


async def test_an_older_registry_goes_on(by_hand: By) -> None:
    """Its statements name their columns, and booths are none of them."""
    await by_hand.execute("INSERT INTO booths (id, name) VALUES ('bar', 'Bar')")
    await by_hand.execute("INSERT INTO chargers (id, label, location) VALUES ('c1', '', 'Bar')")
    await by_hand.execute("UPDATE chargers SET booth = 'bar'")
    await by_hand.execute(
        "INSERT INTO rentals (id, charger_id, widget_id, ticket, paired_before, pairing_number)"
        " VALUES (gen_random_uuid(), 'c1', NULL, 't', false, 1)"
    )
    await by_hand.execute("UPDATE chargers SET label = 'x', location = '' WHERE id = 'c1'")
    assert await rows(
        by_hand, "SELECT booth FROM chargers UNION ALL SELECT booth FROM rentals"
    ) == [
        ("bar",),
        ("bar",),
    ]
