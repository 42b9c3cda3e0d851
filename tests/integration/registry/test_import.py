"""Imports: many devices in one call, all of them or none."""

import asyncio
import gzip
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.registry.access import secret_hasher
from services.registry.bulk import rows
from services.registry.edge import body_limits
from services.registry.routes import imports as import_route
from shared.contract.credentials import digest_of
from shared.contract.devices import Kind
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.by_rest import (
    CSV,
    JSONL,
    assert_problem,
    exported,
    imported,
    paired,
    post_import,
    refused,
    registered,
)
from tests.integration.registry.conftest import (
    By,
    RunningRegistry,
    StartRegistry,
    eventually,
)
from tests.integration.registry.in_redis import InRedis

KEY = "a key of the digests, for tests only"
SECRET = "0123:456789abcdef"
NEXT = "the.secret.after.it"

BOOTH = """\
kind,id,label,location,booth,widget
charger,c1,left,stage,,w1
charger,c2,right,,,
widget,w1,7,,,
"""


@pytest.fixture
async def keyed(start_registry: StartRegistry) -> RunningRegistry:
    """A registry that can set secrets."""
    return await start_registry(credential_key=SecretStr(KEY))


async def _everything(registry: RunningRegistry, by_hand: By) -> tuple[bytes, object, object]:
    """What there is: devices and pairings, who did what, and all numbers."""
    entries = (await registry.send("GET", "/audit?limit=1000")).json()["items"]
    audit = [entry for entry in entries if entry["kind"] != "export"]  # our own
    found = await by_hand.execute(
        "SELECT id, pairing_number, secrets_number FROM chargers UNION ALL "
        "SELECT id, pairing_number, secrets_number FROM widgets ORDER BY 1, 2"
    )
    return await exported(registry), audit, await found.fetchall()


async def _partner(registry: RunningRegistry, charger: str) -> str | None:
    answer = await registry.send("GET", f"/pairings/{charger}")
    found: str | None = answer.json().get("widget")
    return found


async def _agree(registry: RunningRegistry, in_redis: InRedis) -> None:
    """Check that Redis has the pairings, and the numbers, that Postgres has."""
    for device in (await registry.send("GET", "/chargers?limit=1000")).json()["items"]:
        assert device["projected"] is True
        entry = await in_redis.charger(device["id"])
        assert entry is not None
        assert (entry["pairing"], entry.get("widget")) == (
            device["pairing_number"],
            device["widget"],
        )
    for device in (await registry.send("GET", "/widgets?limit=1000")).json()["items"]:
        entry = {"pairing": device["pairing_number"]}
        if device["charger"]:
            entry["charger"] = device["charger"]
        assert await in_redis.widget(device["id"]) == entry


# --- what it does


async def test_devices_are_registered_and_paired_and_in_effect(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    did = await imported(registry, BOOTH)
    number = did["pairing_number"]
    assert did == {
        "rows": 3,
        "created": 3,
        "updated": 0,
        "unchanged": 0,
        "paired": 1,
        "secrets": 0,
        "similar": 0,
        "dry_run": False,
        "pairing_number": number,
        "projected": True,
    }
    # One number for all of it, and Redis has it before the answer comes.
    assert await in_redis.widget("w1") == {"pairing": number, "charger": "c1"}
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert (entry["pairing"], entry["widget"]) == (number, "w1")
    assert await in_redis.charger("c2") == {"pairing": number}
    charger = (await registry.send("GET", "/chargers/c1")).json()
    assert (charger["label"], charger["location"]) == ("left", "stage")
    assert charger["pairing_number"] == number
    await _agree(registry, in_redis)


async def test_json_lines_do_the_same(registry: RunningRegistry, in_redis: InRedis) -> None:
    did = await imported(
        registry,
        '{"kind":"charger","id":"c1","label":"left","location":"stage","widget":"w1"}\n'
        '{"kind":"charger","id":"c2","label":"right"}\n'
        '{"kind":"widget","id":"w1","label":"7"}\n',
        JSONL,
    )
    assert (did["created"], did["paired"], did["projected"]) == (3, 1, True)
    assert await exported(registry) == BOOTH.replace("\n", "\r\n").encode()
    await _agree(registry, in_redis)


async def test_the_same_file_again_changes_nothing_and_darkens_nothing(
    registry: RunningRegistry, in_redis: InRedis, by_hand: By
) -> None:
    first = await imported(registry, BOOTH)
    await in_redis.set_status("w1")
    before = await _everything(registry, by_hand)
    entry = await in_redis.charger("c1")
    for replace in (False, True):
        again = await imported(registry, BOOTH, replace=replace)
        assert again == {**first, "created": 0, "unchanged": 3, "paired": 0}
    assert await _everything(registry, by_hand) == before
    assert await in_redis.charger("c1") == entry
    assert await in_redis.has_status("w1")


async def test_changed_words_change_no_pairing_and_what_is_not_in_the_file_stays(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await imported(registry, BOOTH)
    await in_redis.set_status("w1")
    before = await in_redis.charger("c1"), await in_redis.widget("w1")
    did = await imported(registry, "kind,id,label\ncharger,c1,LEFT\ncharger,c2,\nwidget,w2,8\n")
    assert (did["created"], did["updated"], did["unchanged"], did["paired"]) == (1, 2, 0, 0)
    assert (await exported(registry)).decode().splitlines()[1:] == [
        "charger,c1,LEFT,stage,,w1",
        "charger,c2,,,,",
        "widget,w1,7,,,",
        "widget,w2,8,,,",
    ]
    assert (await in_redis.charger("c1"), await in_redis.widget("w1")) == before
    assert await in_redis.has_status("w1")


async def test_a_column_that_is_missing_keeps_what_it_would_say(registry: RunningRegistry) -> None:
    await imported(registry, BOOTH)
    assert (await imported(registry, "kind,id,location\ncharger,c1,bar\n"))["updated"] == 1
    line = '{"kind":"charger","id":"c1","label":"LEFT","location":null}'
    assert (await imported(registry, line, JSONL))["updated"] == 1
    assert "charger,c1,LEFT,bar,,w1" in (await exported(registry)).decode()
    await imported(registry, "kind,id,location\ncharger,c1,hall\n")
    assert "charger,c1,LEFT,hall,,w1" in (await exported(registry)).decode()


async def test_a_file_without_rows_does_nothing(registry: RunningRegistry) -> None:
    for content, media_type in (("kind,id\n", CSV), ("", JSONL), ("\n \n", JSONL)):
        did = await imported(registry, content, media_type)
        assert (did["rows"], did["pairing_number"], did["projected"]) == (0, None, True)
    assert await refused(registry, "") == [
        (
            1,
            None,
            "empty: the first line names the columns, kind,id,label,location,booth,widget,secret",
        )
    ]


async def test_a_device_that_was_unregistered_comes_back(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await imported(registry, BOOTH)
    for path in ("/chargers/c1", "/widgets/w1"):
        assert (await registry.send("DELETE", path)).status_code == 204
    did = await imported(registry, BOOTH)
    assert (did["created"], did["unchanged"], did["paired"]) == (2, 1, 1)
    await _agree(registry, in_redis)


async def test_a_charger_and_a_widget_may_have_one_id(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await imported(registry, "kind,id,widget\ncharger,x,y\ncharger,y,x\nwidget,x,\nwidget,y,\n")
    assert await _partner(registry, "x") == "y"
    assert await _partner(registry, "y") == "x"
    did = await imported(registry, "kind,id,label\nwidget,x,the widget\n")
    assert did["updated"] == 1
    assert (await registry.send("GET", "/chargers/x")).json()["label"] == ""
    await _agree(registry, in_redis)


async def test_the_record_says_who_imported(start_registry: StartRegistry, by_hand: By) -> None:
    await know_admin(by_hand)
    registry = await start_registry(operator_auth="required")

    async def send(key: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": CSV}
        return await registry.client.request(method, registry.url + path, headers=headers, **more)

    keys = {}
    for name, role in (("olga", "operator"), ("vera", "viewer")):
        wish = {"name": name, "role": role}
        made = await registry.client.post(
            f"{registry.url}/keys", json=wish, headers={"Authorization": f"Bearer {ADMIN_KEY}"}
        )
        keys[name] = made.json()["key"]
    assert_problem(await send(keys["vera"], "POST", "/import", content=BOOTH), 403)
    assert (await send(keys["vera"], "GET", "/export")).content.count(b"\n") == 1
    assert_problem(await send("nobody", "POST", "/import", content=BOOTH), 401)
    assert_problem(await send("nobody", "GET", "/export"), 401)
    assert (await send(keys["olga"], "POST", "/import", content=BOOTH)).status_code == 200
    (line,) = (await send(ADMIN_KEY, "GET", "/audit?who=olga")).json()["items"]
    assert (line["kind"], line["action"]) == ("import", "imported")
    parts = f"/audit?who=olga&import_id={line['subject']}"
    lines = (await send(ADMIN_KEY, "GET", parts)).json()["items"]
    assert sorted((line["kind"], line["subject"], line["action"]) for line in lines) == [
        ("charger", "c1", "created"),
        ("charger", "c2", "created"),
        ("pairing", "c1", "created"),
        ("widget", "w1", "created"),
    ]


# --- dry runs


async def test_a_dry_run_tells_what_would_happen_and_changes_nothing(
    registry: RunningRegistry, in_redis: InRedis, by_hand: By
) -> None:
    await imported(registry, BOOTH)
    await in_redis.set_status("w1")
    file = "kind,id,label,widget\ncharger,c2,RIGHT,w1\ncharger,c3,,w2\nwidget,w2,,\nwidget,w1,7,\n"
    before = await _everything(registry, by_hand)
    entries = [await in_redis.charger("c1"), await in_redis.widget("w1")]
    would = await imported(registry, file, dry_run=True, replace=True)
    assert would.pop("outcomes") == [
        {
            "line": 2,
            "kind": "charger",
            "id": "c2",
            "device": "updated",
            "widget": "w1",
            "pairing": "paired",
            "former_charger": "c1",
        },
        {
            "line": 3,
            "kind": "charger",
            "id": "c3",
            "device": "created",
            "widget": "w2",
            "pairing": "paired",
        },
        {"line": 4, "kind": "widget", "id": "w2", "device": "created"},
        {"line": 5, "kind": "widget", "id": "w1", "device": "unchanged"},
    ]
    assert would == {
        "rows": 4,
        "created": 2,
        "updated": 1,
        "unchanged": 1,
        "paired": 2,
        "secrets": 0,
        "similar": 0,
        "dry_run": True,
        "pairing_number": None,
        "projected": False,
    }
    assert await _everything(registry, by_hand) == before
    # Whatever rang, the look that comes after it changes nothing either.
    await registered(registry, "/chargers/later")
    assert [await in_redis.charger("c1"), await in_redis.widget("w1")] == entries
    assert await in_redis.charger("c3") is None
    assert await in_redis.has_status("w1")
    assert (await registry.send("DELETE", "/chargers/later")).status_code == 204

    did = await imported(registry, file, replace=True)
    told = ("rows", "created", "updated", "unchanged", "paired", "secrets")
    assert {name: did[name] for name in told} == {name: would[name] for name in told}
    await _agree(registry, in_redis)


async def test_a_dry_run_is_refused_for_what_the_import_would_be(
    registry: RunningRegistry,
) -> None:
    file = "kind,id,widget\ncharger,!,\ncharger,c1,w9\n"
    assert await refused(registry, file, dry_run=True) == await refused(registry, file)


# --- what is refused


async def test_each_mistake_is_told_with_its_line_and_nothing_is_done(
    registry: RunningRegistry, by_hand: By
) -> None:
    await registered(registry, "/chargers/c1", label="as it was")
    await registered(registry, "/widgets/w1")
    await registered(registry, "/widgets/w2")
    await paired(registry, "c1", "w1")
    before = await _everything(registry, by_hand)
    file = (
        "kind,id,label,widget\r\n"
        "charger,c2,good,\r\n"  # 2
        "charger,c1,changed,w2\r\n"  # 3: has w1
        '\r\nwidget,w3,"two\r\nlines",\r\n'  # 5 and 6
        "phone,p1,,\r\n"  # 7
        "charger,c3,,w1\r\n"  # 8: c1 has it
        "charger,c4,,w9\r\n"  # 9: nobody
        "charger,c5,,w3\r\n"  # 10: good, although line 5 is not
        "charger,c2,,\r\n"  # 11: again
    )
    mistakes = await refused(registry, file)
    assert [(line, column) for line, column, _ in mistakes] == [
        *((3, "widget"), (5, "label"), (7, "kind"), (8, "widget"), (9, "widget"), (11, "id")),
    ]
    said = {line: problem for line, _, problem in mistakes}
    assert "c1 is paired with the widget w1" in said[3]
    assert "replace=true" in said[3]
    assert "w1 is paired with the charger c1" in said[8]
    assert "no widget w9 is registered, nor in this file" in said[9]
    assert "line 2" in said[11]
    told = (await post_import(registry, file)).json()["errors"]
    assert [each.get("code") for each in told] == [
        *("charger-is-paired", "words", "kind", "widget-is-paired", "unknown", "again"),
    ]
    assert told[0]["about"] == {"id": "c1", "widget": "w2", "other": "w1"}
    assert told[-1]["about"] == {"id": "c2", "other_line": 2}
    assert await _everything(registry, by_hand) == before


async def test_of_many_mistakes_the_first_are_told_and_all_are_counted(
    registry: RunningRegistry,
) -> None:
    file = (
        "kind,id,widget\n"
        + "charger,!,\n" * 700
        + "".join(f"charger,c{number},w{number}\n" for number in range(700))
    )
    problem = assert_problem(await post_import(registry, file), 422, "1,400 mistakes", "line 2, id")
    assert problem["total"] == 1400
    assert [error["line"] for error in problem["errors"]] == list(range(2, 1002))


async def test_what_is_not_utf_8_is_refused_until_its_encoding_is_said(
    registry: RunningRegistry,
) -> None:
    file = "kind,id,label\ncharger,c1,x\ncharger,c2,Grün\n".encode("cp1252")
    ((line, column, problem),) = await refused(registry, file)
    assert (line, column) == (3, None)
    assert "charset=windows-1252" in problem
    assert "--encoding windows-1252" in problem
    assert (await imported(registry, file, "text/csv; charset=windows-1252"))["created"] == 2
    assert (await registry.send("GET", "/chargers/c2")).json()["label"] == "Grün"


@pytest.mark.parametrize(
    ("media_type", "encoding", "word"),
    [
        ("application/json", None, "application/jsonl"),
        ("text/plain", None, "text/csv"),
        ("", None, "text/csv"),
        (None, None, "text/csv"),
        ("text/csv; charset=utf-7", None, "windows-1252"),
        ("text/csv", "gzip", "compressed"),
    ],
)
async def test_another_media_type_is_refused_with_the_ones_that_are_taken(
    registry: RunningRegistry, media_type: str | None, encoding: str | None, word: str
) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    body = BOOTH.encode()
    if encoding is not None:
        headers["content-encoding"] = encoding
        body = gzip.compress(body)
    answer = await registry.client.post(f"{registry.url}/import", content=body, headers=headers)
    assert_problem(answer, 415, word)
    assert (await registry.send("GET", "/chargers")).json()["items"] == []


async def test_other_spellings_of_the_media_types_are_taken(registry: RunningRegistry) -> None:
    for media_type in ('Text/CSV; Charset="UTF-8"; header=present', "text/csv;charset=utf8"):
        assert (await imported(registry, BOOTH, media_type))["rows"] == 3
    for media_type in ("application/x-ndjson", "APPLICATION/JSONL; charset=utf-8"):
        did = await imported(registry, '{"kind":"widget","id":"w1"}', media_type)
        assert did["rows"] == 1


@pytest.mark.parametrize("media_type", [CSV, JSONL])
async def test_too_many_rows_are_refused_as_a_whole(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch, media_type: str
) -> None:
    monkeypatch.setattr(rows, "MAX_ROWS", 3)

    def file(devices: int) -> str:
        if media_type == CSV:
            return "kind,id\n" + "".join(f"charger,c{number}\n" for number in range(devices))
        return "".join(f'{{"kind":"charger","id":"c{number}"}}\n' for number in range(devices))

    answer = await post_import(registry, file(4), media_type)
    assert_problem(answer, 413, "rows", "in parts")
    assert (await registry.send("GET", "/chargers")).json()["items"] == []
    assert (await imported(registry, file(3), media_type))["created"] == 3


async def test_too_large_a_body_is_refused_also_in_chunks(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limits, "MAX_IMPORT_BYTES", 100_000)

    async def chunks() -> Any:
        yield b"kind,id\n"
        for number in range(20):
            yield b"\n" * 9_999 + b"widget,w%d\n" % number

    for content in (b"kind,id\n" + b"\n" * 100_000, chunks()):
        answer = await registry.client.post(
            f"{registry.url}/import", content=content, headers={"content-type": CSV}
        )
        assert_problem(answer, 413, "100,000 bytes", "in parts")
    assert (await registry.send("GET", "/widgets")).json()["items"] == []
    # The bound of other requests is another one.
    assert (await imported(registry, BOOTH + "\n" * (body_limits.MAX_BYTES + 1)))["rows"] == 3
    large = {"label": "x" * body_limits.MAX_BYTES}
    assert_problem(await registry.send("PUT", "/chargers/c1", large), 413, "65,536 bytes")


# --- files as programs write them


async def test_a_file_as_spreadsheets_save_it_is_taken(registry: RunningRegistry) -> None:
    file = '\ufeffkind,id,label\r\ncharger,c1,"Booth ""3"", left"\r\nwidget,w1, 7 \r\n,,\r\n'
    did = await imported(registry, file)
    assert (did["rows"], did["created"]) == (2, 2)
    assert (await registry.send("GET", "/chargers/c1")).json()["label"] == 'Booth "3", left'
    assert (await registry.send("GET", "/widgets/w1")).json()["label"] == "7"
    lines = '\ufeff{"kind":"widget","id":"w2"}\r\n{"kind":"widget","id":"w3"}'
    assert (await imported(registry, lines, JSONL))["created"] == 2


async def test_quotes_may_hold_line_ends_which_no_label_can(registry: RunningRegistry) -> None:
    for line_end in ("\n", "\r\n", "\r"):
        file = f'kind,id,label{line_end}charger,c1,"a{line_end}b"{line_end}charger,!,{line_end}'
        mistakes = await refused(registry, file)
        assert [(line, column) for line, column, _ in mistakes] == [(2, "label"), (4, "id")]
        assert mistakes[0][2] == "at most 200 characters, no control characters"


SURVIVE = [
    *("\\", "\\N", "\\.", "a\\tb", "\\\\x", "back\\", "\\x00"),
    *("a\u2028b", "a\u2029b", "a\x85b", "\x80", "\ufeff", "\u202e"),
    *("'", "''", '"', '""', ",", ";", "a  b", "=1+1", "NULL", "null", "None", "{}", "%s", "$1"),
    *("Grün", "ß", "🔌", "👩\u200d👩\u200d👧", "\U0010ffff", "x" * 200, "🔌" * 200),
]
NORMALISED = {
    " spaces\u00a0": "spaces",
    "\u3000": "",
    "e\u0301": "é",
    "A\u030a": "Å",
    "\u1100\u1161": "가",
}
REFUSED = ["a\tb", "a\nb", "a\rb", "a\0b", "\x1b[0m", "a\x7fb", "x" * 201]


@pytest.mark.parametrize("media_type", [CSV, JSONL])
async def test_a_label_survives_or_is_normalised_or_is_refused(
    registry: RunningRegistry, media_type: str
) -> None:
    def file(labels: list[str]) -> str:
        if media_type == CSV:
            cells = (label.replace('"', '""') for label in labels)
            return "kind,id,label,location\n" + "".join(
                f'charger,c{number},"{cell}","{cell}"\n' for number, cell in enumerate(cells)
            )
        return "".join(
            f'{{"kind":"charger","id":"c{number}","label":{text},"location":{text}}}\n'
            for number, text in enumerate(map(_as_json, labels))
        )

    labels = {label: label for label in SURVIVE} | NORMALISED
    assert (await imported(registry, file(list(labels)), media_type))["created"] == len(labels)
    for number, (written, label) in enumerate(labels.items()):
        device = (await registry.send("GET", f"/chargers/c{number}")).json()
        assert (device["label"], device["location"]) == (label, label)
        # And the same rule holds for one device.
        put = await registry.send("PUT", f"/chargers/c{number}", {"label": written})
        assert put.json()["label"] == label
    for label in REFUSED:
        mistakes = await refused(registry, file([label]), media_type)
        assert [(column, problem) for _, column, problem in mistakes] == [
            ("label", "at most 200 characters, no control characters"),
            ("location", "at most 200 characters, no control characters"),
        ]
        assert_problem(await registry.send("PUT", "/chargers/c0", {"label": label}), 422)


def _as_json(text: str) -> str:
    """Return a JSON text, with only those escapes that must be."""
    special = {'"': '\\"', "\\": "\\\\"}
    escaped = (f"\\u{ord(each):04x}" if each < " " else special.get(each, each) for each in text)
    return f'"{"".join(escaped)}"'


# --- replacing pairings


async def test_pairings_in_the_way_end_only_if_asked_for(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    pairs = "".join(f"charger,c{n},w{n}\nwidget,w{n},\n" for n in range(1, 6))
    await imported(registry, f"kind,id,widget\n{pairs}")
    for widget in ("w1", "w2", "w3", "w5"):
        await in_redis.set_status(widget)
    # c1 and c2 change widgets, c3 gives its to the new c6, and gets none for it.
    file = "kind,id,widget\ncharger,c1,w2\ncharger,c2,w1\ncharger,c6,w3\ncharger,c5,w5\n"
    mistakes = await refused(registry, file)
    assert [line for line, _, _ in mistakes] == [2, 2, 3, 3, 4]
    assert await _partner(registry, "c1") == "w1"

    before = await in_redis.charger("c4"), await in_redis.charger("c5")
    did = await imported(registry, file, replace=True)
    assert (did["created"], did["unchanged"], did["paired"]) == (1, 3, 3)
    partners = {charger: await _partner(registry, charger) for charger in ("c1", "c2", "c3", "c6")}
    assert partners == {"c1": "w2", "c2": "w1", "c3": None, "c6": "w3"}
    await _agree(registry, in_redis)
    # Whose pairing ended or changed is dark, with the new number; the others shine on.
    number = did["pairing_number"]
    for widget in ("w1", "w2", "w3"):
        assert not await in_redis.has_status(widget)
        entry = await in_redis.widget(widget)
        assert entry is not None
        assert entry["pairing"] == number
    assert await in_redis.charger("c3") == {"pairing": number}
    assert await in_redis.has_status("w5")
    assert (await in_redis.charger("c4"), await in_redis.charger("c5")) == before


async def test_a_widget_left_behind_is_free(registry: RunningRegistry, in_redis: InRedis) -> None:
    await imported(registry, BOOTH)
    did = await imported(registry, "kind,id,widget\ncharger,c1,w2\nwidget,w2,\n", replace=True)
    assert await in_redis.widget("w1") == {"pairing": did["pairing_number"]}
    assert (await registry.send("GET", "/widgets/w1/pairing")).status_code == 404
    await _agree(registry, in_redis)


# --- secrets


@pytest.mark.parametrize("media_type", [CSV, JSONL])
async def test_secrets_of_a_file_are_in_effect_and_nowhere_to_be_read(
    keyed: RunningRegistry, in_redis: InRedis, media_type: str
) -> None:
    if media_type == CSV:
        file = f"kind,id,secret\ncharger,x,{SECRET}\nwidget,x,{NEXT}\ncharger,y,\n"
    else:
        file = (
            f'{{"kind":"charger","id":"x","secret":"{SECRET}"}}\n'
            f'{{"kind":"widget","id":"x","secret":"{NEXT}"}}\n{{"kind":"charger","id":"y"}}'
        )
    answer = await post_import(keyed, file, media_type)
    assert (answer.json()["secrets"], answer.json()["projected"]) == (2, True)
    for kind, secret in ((Kind.CHARGER, SECRET), (Kind.WIDGET, NEXT)):
        stored = await in_redis.credentials("x", kind)
        assert stored is not None
        assert stored["digests"] == [digest_of(KEY, "x", secret)]
    stored = await in_redis.credentials("y")
    assert stored is not None
    assert stored["digests"] == []
    everything = answer.text + (await keyed.send("GET", "/audit")).text
    everything += (await exported(keyed)).decode() + (await exported(keyed, "jsonl")).decode()
    assert SECRET not in everything
    assert NEXT not in everything

    # Again: nothing is new. And no secret in a file leaves what there is.
    assert (await imported(keyed, file, media_type))["secrets"] == 0
    assert (await imported(keyed, "kind,id,secret\ncharger,x,\nwidget,x,\n"))["secrets"] == 0
    assert len((await keyed.send("GET", "/chargers/x/secret")).json()["items"]) == 1


async def test_a_new_secret_overlaps_with_the_one_before(
    keyed: RunningRegistry, in_redis: InRedis
) -> None:
    await imported(keyed, f"kind,id,secret\ncharger,x,{SECRET}\n")
    did = await imported(keyed, f"kind,id,secret\ncharger,x,{NEXT}\n")
    assert (did["secrets"], did["unchanged"]) == (1, 1)
    stored = await in_redis.credentials("x")
    assert stored is not None
    assert stored["digests"] == [digest_of(KEY, "x", secret) for secret in (SECRET, NEXT)]
    ends = [
        item["expires_at"] is None
        for item in (await keyed.send("GET", "/chargers/x/secret")).json()["items"]
    ]
    assert sorted(ends) == [False, True]


async def test_a_changed_secret_darkens_nothing(keyed: RunningRegistry, in_redis: InRedis) -> None:
    await imported(keyed, BOOTH)
    await in_redis.set_status("w1")
    before = await in_redis.charger("c1"), await in_redis.widget("w1")
    file = f"kind,id,secret\ncharger,c1,{SECRET}\nwidget,w1,{SECRET}\n"
    did = await imported(keyed, file)
    assert (did["secrets"], did["unchanged"], did["projected"]) == (2, 2, True)
    assert (await in_redis.charger("c1"), await in_redis.widget("w1")) == before
    assert await in_redis.has_status("w1")


async def test_a_dry_run_sets_no_secrets(keyed: RunningRegistry, in_redis: InRedis) -> None:
    file = f"kind,id,secret\ncharger,x,{SECRET}\n"
    assert (await imported(keyed, file, dry_run=True))["secrets"] == 1
    await registered(keyed, "/chargers/x")
    assert (await imported(keyed, file, dry_run=True))["secrets"] == 1
    stored = await in_redis.credentials("x")
    assert stored is not None
    assert stored["digests"] == []


async def test_what_is_no_secret_is_refused_without_being_repeated(
    keyed: RunningRegistry,
) -> None:
    for bad in ("opensesame", "opensesame opensesame", "opensesame" * 26, "opensesameä" * 2):
        answer = await post_import(keyed, f"kind,id,secret\ncharger,x,{bad}\n")
        assert_problem(answer, 422, "line 2, secret")
        assert "opensesame" not in answer.text
    answer = await post_import(keyed, "charger,x,opensesameopensesame\n")
    assert_problem(answer, 422, "line 1")
    assert "opensesame" not in answer.text
    secret = '{"kind":"charger","id":"x","secret":'
    for line in (f'{secret}["opensesame"]}}', f'{secret}"opensesame', f'{secret}"opensesame"}}'):
        answer = await post_import(keyed, line, JSONL)
        assert_problem(answer, 422, "line 1")
        assert "opensesame" not in answer.text
    assert (await keyed.send("GET", "/chargers/x")).status_code == 404


async def test_without_a_key_a_file_with_secrets_is_refused_as_a_whole(
    registry: RunningRegistry,
) -> None:
    answer = await post_import(registry, f"kind,id,secret\nwidget,w1,\ncharger,x,{SECRET}\n")
    assert_problem(answer, 409, "CHARGELIGHT_CREDENTIAL_KEY")
    assert (await registry.send("GET", "/widgets/w1")).status_code == 404
    # The column alone is no secret.
    assert (await imported(registry, "kind,id,secret\nwidget,w1,\n"))["created"] == 1


async def test_of_too_many_new_secrets_none_is_set(
    keyed: RunningRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(keyed, f"kind,id,secret\ncharger,c1,{SECRET}\n")
    monkeypatch.setattr(secret_hasher, "MAX_NEW", 2)

    def file(last: int) -> str:
        return "kind,id,secret\n" + "".join(
            f"charger,c{number},{SECRET}\n" for number in range(1, last + 1)
        )

    (mistake,) = await refused(keyed, file(4))
    assert mistake[1] == "secret"
    assert "in parts" in mistake[2]
    assert (await keyed.send("GET", "/chargers/c2")).status_code == 404
    # Those that are known count for nothing.
    assert (await imported(keyed, file(3)))["secrets"] == 2
    assert (await imported(keyed, file(4)))["secrets"] == 1


# --- others at the same time


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("first", ["import", "pairing"])
async def test_of_an_import_and_a_pairing_that_want_one_widget_the_first_gets_it(
    registry: RunningRegistry, in_redis: InRedis, by_hand: By, first: str
) -> None:
    await imported(registry, "kind,id\ncharger,c1\ncharger,c2\nwidget,w1\n")
    wishes = {
        "import": lambda: post_import(registry, "kind,id,label,widget\ncharger,c1,new,w1\n"),
        "pairing": lambda: registry.send("PUT", "/pairings/c2", {"widget": "w1"}),
    }

    async def waiting(number: int) -> None:
        async def are() -> bool:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            return await (await by_hand.execute(query)).fetchone() == (number,)

        await eventually(are)

    tasks = {}
    async with by_hand.transaction():
        await by_hand.execute("SELECT lock_directory()")
        for number, name in enumerate(sorted(wishes, key=lambda name: name != first), start=1):
            tasks[name] = asyncio.create_task(wishes[name](), name=name)
            await waiting(number)
    import_, pairing = await tasks["import"], await tasks["pairing"]
    label = (await registry.send("GET", "/chargers/c1")).json()["label"]
    partners = await _partner(registry, "c1"), await _partner(registry, "c2")
    if first == "import":
        assert import_.status_code == 200
        assert_problem(pairing, 409, "w1 is paired with the charger c1")
        assert (partners, label) == (("w1", None), "new")
    else:
        assert pairing.status_code == 200
        assert_problem(import_, 422, "w1 is paired with the charger c2")
        assert (partners, label) == ((None, "w1"), "")
    await _agree(registry, in_redis)


async def test_imports_and_pairings_that_replace_never_break_the_directory(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    devices = "".join(f"charger,c{n},\nwidget,w{n},\n" for n in range(4))
    await imported(registry, f"kind,id,widget\n{devices}")

    async def import_turning() -> None:
        for turn in range(8):
            pairs = "".join(f"charger,c{n},w{(n + turn) % 4}\n" for n in range(4))
            did = await imported(registry, f"kind,id,widget\n{pairs}", replace=True)
            assert did["rows"] == 4

    async def pair(step: int) -> None:
        for turn in range(8):
            path = f"/pairings/c{turn % 4}?replace=true"
            answer = await registry.send("PUT", path, {"widget": f"w{turn * step % 4}"})
            assert answer.status_code == 200

    await asyncio.gather(import_turning(), pair(1), pair(3))
    await _agree(registry, in_redis)
    pairs = "".join(f"charger,c{n},w{n}\n" for n in range(4))
    await imported(registry, f"kind,id,widget\n{pairs}", replace=True)
    assert [await _partner(registry, f"c{n}") for n in range(4)] == ["w0", "w1", "w2", "w3"]
    await _agree(registry, in_redis)


async def test_the_same_file_twice_at_once_is_imported_once(registry: RunningRegistry) -> None:
    both = await asyncio.gather(imported(registry, BOOTH), imported(registry, BOOTH))
    assert sorted(did["created"] for did in both) == [0, 3]
    assert sorted(did["paired"] for did in both) == [0, 1]
    assert both[0]["pairing_number"] == both[1]["pairing_number"]


async def test_two_registries_import_at_once(
    start_registry: StartRegistry, in_redis: InRedis
) -> None:
    one, other = [await start_registry() for _ in range(2)]
    answers = await asyncio.gather(
        *(post_import(each, BOOTH) for each in (one, other) for _ in range(2))
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json()["created"] for answer in answers) == 3
    await _agree(one, in_redis)


async def test_somebody_who_holds_the_directory_is_waited_for_only_briefly(
    registry: RunningRegistry, by_hand: By
) -> None:
    async with by_hand.transaction():
        await by_hand.execute("UPDATE chargers SET label = 'forgotten in psql'")
        answer = await post_import(registry, BOOTH)
    assert_problem(answer, 503)
    assert answer.headers["retry-after"] == "2"
    assert (await imported(registry, BOOTH))["created"] == 3


async def test_one_bad_row_in_many_keeps_all_out(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    good = "".join(f"widget,w{number},\n" for number in range(3000))
    problem = await refused(registry, f"kind,id,widget\n{good}charger,c1,nobody\n")
    assert [(line, column) for line, column, _ in problem] == [(3002, "widget")]
    assert (await registry.send("GET", "/widgets")).json()["items"] == []
    await registered(registry, "/chargers/later")
    assert await in_redis.widget("w0") is None


# --- as people have them


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
async def test_a_file_as_any_spreadsheet_saves_it_is_taken(
    registry: RunningRegistry, separator: str, encoding: str
) -> None:
    lines = [" Kind ,ID,Label,WIDGET,,", "Charger , c1,Grün,w1,,", "widget,w1", ",,,,,"]
    file = "".join(f"{line}\r\n".replace(",", separator) for line in lines).encode(encoding)
    did = await imported(registry, file)
    assert (did["created"], did["paired"]) == (2, 1)
    assert (await registry.send("GET", "/chargers/c1")).json()["label"] == "Grün"


async def test_an_id_that_differs_only_in_capitals_is_hinted_at(registry: RunningRegistry) -> None:
    await imported(registry, BOOTH)
    ((_, _, problem),) = await refused(registry, "kind,id,widget\ncharger,c2,W1\n")
    assert "there is w1" in problem
    would = await imported(registry, "kind,id\ncharger,C1\ncharger,c2\n", dry_run=True)
    assert [outcome.get("similar") for outcome in would["outcomes"]] == ["c1", None]


async def test_a_dry_run_tells_of_each_secret(keyed: RunningRegistry) -> None:
    await imported(keyed, f"kind,id,secret\ncharger,x,{SECRET}\n")
    file = f"kind,id,secret\ncharger,x,{SECRET}\nwidget,x,{SECRET}\ncharger,y,\n"
    would = await imported(keyed, file, dry_run=True)
    assert [outcome.get("secret") for outcome in would["outcomes"]] == ["unchanged", "set", None]


async def test_a_file_that_comes_slowly_keeps_no_other_writer_waiting(
    registry: RunningRegistry,
) -> None:
    registered_meanwhile = asyncio.Event()

    async def slowly() -> Any:
        yield b"kind,id\n" + b"widget,w1\n"
        # The registry has begun: with so much text it has handed rows to Postgres.
        yield b"".join(b"charger,c%05d\n" % number for number in range(5000))
        await registered(registry, "/widgets/meanwhile")
        registered_meanwhile.set()

    answer = await registry.client.post(
        f"{registry.url}/import", content=slowly(), headers={"content-type": CSV}
    )
    assert registered_meanwhile.is_set()
    assert answer.json()["created"] == 5001


async def test_a_file_that_does_not_come_is_given_up(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_route, "UPLOAD_SECONDS", 0.05)
    host, port = registry.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
        b"Content-Length: 1000\r\n\r\nkind,id\nwidget,w1\n"
    )
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
    writer.close()
    assert (await registry.send("GET", "/widgets/w1")).status_code == 404


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(
    registry: RunningRegistry, by_hand: By
) -> None:
    class GoneError(Exception):
        pass

    async def gone() -> Any:
        yield b"kind,id\n" + b"".join(b"charger,c%05d\n" % number for number in range(5000))
        raise GoneError

    with pytest.raises(GoneError):
        await registry.client.post(
            f"{registry.url}/import", content=gone(), headers={"content-type": CSV}
        )

    async def is_over() -> bool:
        query = "SELECT count(*) FROM pg_class WHERE relname = 'import_rows'"
        return await (await by_hand.execute(query)).fetchone() == (0,)

    await eventually(is_over)
    assert (await imported(registry, BOOTH))["created"] == 3
