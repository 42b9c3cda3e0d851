"""Exports: all devices and pairings as a file, which imports again unchanged."""

import json
from collections.abc import Callable

import pytest

from services.registry.bulk import exports
from services.registry.bulk.exports import Format
from services.registry.postgres.database import Connection
from shared.contract.devices import Kind
from tests.integration.registry.by_rest import (
    CSV,
    JSONL,
    assert_problem,
    exported,
    imported,
    paired,
    registered,
)
from tests.integration.registry.conftest import By, RunningRegistry
from tests.integration.registry.in_redis import InRedis

MEDIA_TYPES = {"csv": CSV, "jsonl": JSONL}
FORMATS = pytest.mark.parametrize("format_", MEDIA_TYPES)

LABELS = [
    *("", '"quoted"', "comma, semicolon;", "back\\slash", "\\N", "\\.", "=1+1"),
    *("line\u2028separator", "next\x85line", "Grün", "🔌", "\ufeffmark", "'", "x" * 200),
]
"""None may look different when it comes back."""


async def _fill(registry: RunningRegistry) -> None:
    """Make chargers and widgets with all labels, the first five paired crosswise."""
    for number, label in enumerate(LABELS):
        await registered(registry, f"/chargers/c{number:02}", label=label)
        await registered(registry, f"/widgets/w{number:02}", location=label)
    for number in range(5):
        await paired(registry, f"c{number:02}", f"w{4 - number:02}")


async def _lists(registry: RunningRegistry) -> list[object]:
    paths = ("/chargers", "/widgets", "/pairings")
    return [(await registry.send("GET", f"{path}?limit=1000")).json() for path in paths]


async def test_an_export_shows_all_devices_by_their_ids(registry: RunningRegistry) -> None:
    await registered(registry, "/widgets/w2", label="2")
    await registered(registry, "/widgets/W1", location="bar")
    await registered(registry, "/chargers/c2")
    await registered(registry, "/chargers/c1", label='Booth 3, "left"', location="stage")
    await paired(registry, "c1", "w2")
    answer = await registry.send("GET", "/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="chargelight-devices.csv"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.split("\r\n") == [
        "kind,id,label,location,booth,widget",
        'charger,c1,"Booth 3, ""left""",stage,,w2',
        "charger,c2,,,,",
        "widget,W1,,bar,,",
        "widget,w2,2,,,",
        "",
    ]
    answer = await registry.send("GET", "/export?format=jsonl")
    assert answer.headers["content-type"] == "application/jsonl"
    assert (
        answer.headers["content-disposition"] == 'attachment; filename="chargelight-devices.jsonl"'
    )
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {
            "kind": "charger",
            "id": "c1",
            "label": 'Booth 3, "left"',
            "location": "stage",
            "widget": "w2",
        },
        {"kind": "charger", "id": "c2", "label": "", "location": ""},
        {"kind": "widget", "id": "W1", "label": "", "location": "bar"},
        {"kind": "widget", "id": "w2", "label": "2", "location": ""},
    ]


@FORMATS
async def test_an_export_of_nothing_is_a_file_too(registry: RunningRegistry, format_: str) -> None:
    content = await exported(registry, format_)
    assert content == (b"kind,id,label,location,booth,widget\r\n" if format_ == "csv" else b"")
    assert (await imported(registry, content, MEDIA_TYPES[format_]))["rows"] == 0


async def test_only_one_kind_if_asked_for(registry: RunningRegistry) -> None:
    await registered(registry, "/chargers/c1")
    await registered(registry, "/widgets/w1")
    await paired(registry, "c1", "w1")
    chargers = await registry.send("GET", "/export?kind=charger")
    assert chargers.text.splitlines()[1:] == ["charger,c1,,,,w1"]
    widgets = await registry.send("GET", "/export?kind=widget&format=jsonl")
    assert widgets.text.count("\n") == 1
    for query, where in (("kind=phone", "kind"), ("format=xlsx", "format"), ("format=", "format")):
        assert_problem(await registry.send("GET", f"/export?{query}"), 422, where)


async def test_the_form_for_spreadsheets_has_no_formula_and_imports_again(
    registry: RunningRegistry,
) -> None:
    await registered(registry, "/chargers/-c1", label="=1+1", location="'=not one")
    await registered(registry, "/chargers/c2", label="@home", location="+49 30")
    before = await _lists(registry)
    answer = await registry.send("GET", "/export?format=spreadsheet")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="chargelight-devices.csv"' in answer.headers["content-disposition"]
    assert answer.content.decode("utf-8-sig").splitlines()[1:] == [
        "charger,'-c1,'=1+1,''=not one,,",
        "charger,c2,'@home,'+49 30,,",
    ]
    did = await imported(registry, answer.content)
    assert (did["unchanged"], did["updated"]) == (2, 0)
    assert await _lists(registry) == before


async def _changes(registry: RunningRegistry) -> list[object]:
    """The audit log, without our own exports."""
    entries = (await registry.send("GET", "/audit?limit=1000")).json()["items"]
    return [entry for entry in entries if entry["kind"] != "export"]


@FORMATS
async def test_an_export_imports_again_without_changing_anything(
    registry: RunningRegistry, in_redis: InRedis, format_: str
) -> None:
    await _fill(registry)
    await in_redis.set_status("w00")
    before = await _lists(registry)
    audit = await _changes(registry)
    content = await exported(registry, format_)
    did = await imported(registry, content, MEDIA_TYPES[format_], replace=True)
    assert did["unchanged"] == did["rows"] == 2 * len(LABELS)
    assert did["paired"] == 0
    assert await _lists(registry) == before
    assert await _changes(registry) == audit
    assert await exported(registry, format_) == content
    assert await in_redis.has_status("w00")


@FORMATS
async def test_an_export_brings_all_of_it_back_after_everything_was_lost(
    registry: RunningRegistry, by_hand: By, format_: str
) -> None:
    await _fill(registry)
    in_both = [await exported(registry, each) for each in MEDIA_TYPES]
    content = await exported(registry, format_)
    await by_hand.execute("DELETE FROM chargers")
    await by_hand.execute("DELETE FROM widgets")
    assert (await exported(registry)).count(b"\n") == 1
    did = await imported(registry, content, MEDIA_TYPES[format_])
    assert did["created"] == did["rows"] == 2 * len(LABELS)
    assert (did["paired"], did["projected"]) == (5, True)
    assert [await exported(registry, each) for each in MEDIA_TYPES] == in_both


@FORMATS
async def test_pairings_come_back_after_they_were_changed(
    registry: RunningRegistry, format_: str
) -> None:
    await _fill(registry)
    content = await exported(registry, format_)
    for path, widget in (("c00", "w03"), ("c07", "w02")):
        answer = await registry.send("PUT", f"/pairings/{path}?replace=true", {"widget": widget})
        assert answer.status_code == 200
    await registry.send("DELETE", "/widgets/w00")
    did = await imported(registry, content, MEDIA_TYPES[format_], replace=True)
    assert did["created"] == 1
    # What a charger has and the file does not know stays, unless it is in the way.
    assert await exported(registry, format_) == content


async def test_an_export_is_of_one_moment_also_while_others_write(
    registry: RunningRegistry, by_hand: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _fill(registry)
    before = await exported(registry)
    write = exports.write

    async def write_with_others_in_between(
        connection: Connection,
        kinds: list[Kind],
        booth: str | None,
        format_: Format,
        into: Callable[[bytes], object],
    ) -> None:
        assert kinds == [Kind.CHARGER, Kind.WIDGET]
        written: list[bytes] = []
        await write(connection, [Kind.CHARGER], booth, format_, into)
        await by_hand.execute("DELETE FROM widgets WHERE id = 'w01'")
        await by_hand.execute("INSERT INTO widgets (id) VALUES ('w99')")
        await by_hand.execute("UPDATE widgets SET label = 'changed'")
        await write(connection, [Kind.WIDGET], booth, format_, written.append)
        into(b"".join(written[1:]))  # the names of the columns are there already

    monkeypatch.setattr(exports, "write", write_with_others_in_between)
    assert await exported(registry) == before
    monkeypatch.undo()
    assert await exported(registry) != before


async def test_a_directory_of_many_chunks_is_exported_whole_and_in_order(
    registry: RunningRegistry, by_hand: By
) -> None:
    await by_hand.execute(
        "INSERT INTO widgets (id, label) "
        "SELECT 'w' || i, repeat('x', 200) FROM generate_series(1, 8000) i"
    )
    # Larger than what is kept in memory, or sent in one piece.
    lines = (await exported(registry)).decode().splitlines()[1:]
    ids = [line.split(",")[1] for line in lines]
    assert ids == sorted(f"w{number}" for number in range(1, 8001))
    assert {len(line.split(",")[2]) for line in lines} == {200}
