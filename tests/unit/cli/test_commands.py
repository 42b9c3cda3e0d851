"""What each command sends, and what it says."""

import functools
import json
import threading
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from rich.progress import Progress

from services.cli import progress
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry, problem

RENTAL = "d0a76458-117d-49e4-90b3-7fcdf758705e"
CHARGER = {"id": "c1", "label": "Büdchen 左", "location": "", "projected": True}


def page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(items), "next": None}


# Devices.


@pytest.mark.parametrize("kind", ["chargers", "widgets"])
def test_a_device_is_registered_with_what_is_given_and_no_more(
    run: Run, registry: FakeRegistry, kind: str
) -> None:
    assert run(kind, "register", "d1").code == 0
    assert run(kind, "register", "d1", "--label", "Büdchen 左", "--location", "").code == 0
    assert list(registry.asked()) == [("PUT", f"/{kind}/d1")] * 2
    assert registry.bodies() == [{}, {"label": "Büdchen 左", "location": ""}]


def test_an_update_changes_what_is_given(run: Run, registry: FakeRegistry) -> None:
    assert run("widgets", "update", "w1", "--location", "Tower").code == 0
    assert list(registry.asked()) == [("PATCH", "/widgets/w1")]
    assert registry.bodies() == [{"location": "Tower"}]


def test_an_update_of_nothing_is_wrong_use(run: Run, registry: FakeRegistry) -> None:
    ran = run("chargers", "update", "c1")
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("--label", "say what to change")


def test_devices_are_listed_with_their_partners(run: Run, registry: FakeRegistry) -> None:
    registry.answers(page({**CHARGER, "widget": "w1"}))
    ran = run("chargers", "list", "--search", "büd", "--location", "Main", "--unpaired")
    assert registry.queries()[0] == {
        "q": "büd",
        "location": "Main",
        "paired": "false",
        "limit": "1000",
    }
    assert "Büdchen 左" in ran.output
    assert "w1" in ran.output


def test_several_devices_are_unregistered_also_if_one_is_not_there(
    run: Run, registry: FakeRegistry
) -> None:
    gone = httpx.Response(204)
    registry.answers(gone, problem(404, "no charger with the id 'c2' is registered"), gone)
    ran = run("chargers", "unregister", "c1", "c2", "c3")
    assert list(registry.asked()) == [("DELETE", f"/chargers/c{each}") for each in (1, 2, 3)]
    assert ran.code == 1
    assert ran.output.splitlines() == [
        "c1 is not registered any more",
        "c3 is not registered any more",
    ]
    assert ran.errors == "refused: no charger with the id 'c2' is registered\n"


def test_nothing_is_unregistered_if_one_id_can_be_none(run: Run, registry: FakeRegistry) -> None:
    ran = run("chargers", "unregister", "c1", "c1/secret")
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("'c1/secret' is no id")


@pytest.mark.parametrize(
    "command",
    [
        ["chargers", "show"],
        ["chargers", "register"],
        ["widgets", "state"],
        ["widgets", "pairing"],
        ["pairings", "unpair"],
        ["chargers", "secret", "remove"],
        ["rentals", "open"],
        ["rentals", "collect"],
        ["explain"],
    ],
)
@pytest.mark.parametrize("device_id", ["a/b", "../c1", "a?b", "ä", ""])
def test_what_can_be_no_id_is_asked_of_nobody(
    run: Run, registry: FakeRegistry, command: list[str], device_id: str
) -> None:
    ran = run(*command, device_id)
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("is no id: an id is 1 to 64 of")


def test_an_id_of_dots_is_an_id(run: Run, registry: FakeRegistry) -> None:
    assert run("chargers", "unregister", "..").code == 0
    assert list(registry.asked()) == [("DELETE", "/chargers/%2E%2E")]


# Pairings.


def test_two_are_paired_from_either_side(run: Run, registry: FakeRegistry) -> None:
    assert run("pairings", "pair", "c1", "w1").code == 0
    assert run("widgets", "pair", "w1", "c1", "--replace").code == 0
    assert list(registry.asked()) == [("PUT", "/pairings/c1"), ("PUT", "/widgets/w1/pairing")]
    assert registry.bodies() == [{"widget": "w1"}, {"charger": "c1"}]
    assert registry.queries() == [{}, {"replace": "true"}]


def test_two_are_unpaired_from_either_side(run: Run, registry: FakeRegistry) -> None:
    registry.answers(httpx.Response(204))
    assert run("pairings", "unpair", "c1").output == "c1 is not paired any more\n"
    assert run("widgets", "unpair", "w1").output == "w1 is not paired any more\n"
    assert list(registry.asked()) == [
        ("DELETE", "/pairings/c1"),
        ("DELETE", "/widgets/w1/pairing"),
    ]


def test_a_conflict_is_told_with_its_remedy(run: Run, registry: FakeRegistry) -> None:
    registry.answers(problem(409, "w1 is paired with c2. Unpair first"))
    ran = run("pairings", "pair", "c1", "w1")
    assert (ran.code, ran.errors) == (1, "refused: w1 is paired with c2. Unpair first\n")


# Secrets.


def test_a_generated_secret_is_all_that_is_printed(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"secret": "s3cret", "created_at": "2026-11-24T08:00:00Z"})
    assert run("chargers", "secret", "generate", "c1").output == "s3cret\n"
    assert run("widgets", "secret", "generate", "w1", "--overlap-hours", "0.5").code == 0
    assert list(registry.asked()) == [
        ("POST", "/chargers/c1/secret"),
        ("POST", "/widgets/w1/secret"),
    ]
    assert registry.bodies() == [{}, {"overlap_seconds": 1800}]


@pytest.mark.parametrize("given", [b"geheim\n", b"geheim", b"geheim\r\n", b"geheim\nmore\n"])
def test_a_secret_is_read_from_standard_input(
    run: Run, registry: FakeRegistry, given: bytes
) -> None:
    ran = run("chargers", "secret", "set", "c1", "--overlap-hours", "0", given=given)
    assert ran.code == 0
    assert list(registry.asked()) == [("PUT", "/chargers/c1/secret")]
    assert registry.bodies() == [{"secret": "geheim", "overlap_seconds": 0}]
    assert "geheim" not in ran.output + ran.errors


@pytest.mark.parametrize("given", [b"", b"\n"])
def test_no_secret_on_standard_input_is_told(
    run: Run, registry: FakeRegistry, given: bytes
) -> None:
    ran = run("chargers", "secret", "set", "c1", given=given)
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("no secret on standard input")


def test_a_secret_is_never_an_argument(run: Run, registry: FakeRegistry) -> None:
    ran = run("chargers", "secret", "set", "c1", "geheim", given=b"other")
    assert (ran.code, registry.requests) == (2, [])


def test_what_is_no_text_is_left_to_the_rule_of_secrets(run: Run, registry: FakeRegistry) -> None:
    registry.answers(problem(422, "a secret is 16 to 256 printable ASCII characters"))
    ran = run("chargers", "secret", "set", "c1", given=b"\xff\xfe\n")
    assert (ran.code, ran.explains("printable ASCII")) == (1, True)


# Rentals.


def test_a_phone_is_handed_over_under_a_new_id(run: Run, registry: FakeRegistry) -> None:
    assert run("rentals", "open", "c1").code == 0
    assert run("rentals", "open", "c1", "w1", "--ticket", "0815", "--replace").code == 0
    (_, first), (method, second) = registry.asked()
    assert method == "PUT"
    ids = [uuid.UUID(path.removeprefix("/rentals/")) for path in (first, second)]
    assert ids[0] != ids[1]
    assert registry.bodies() == [
        {"charger": "c1"},
        {"charger": "c1", "widget": "w1", "ticket": "0815"},
    ]
    assert registry.queries() == [{}, {"replace": "true"}]


def test_a_hand_over_without_an_answer_can_be_repeated(run: Run, registry: FakeRegistry) -> None:
    registry.answers(httpx.ReadTimeout("timed out"), {"id": RENTAL})
    ran = run("rentals", "open", "c1")
    assert ran.code == 3
    ((_, path),) = registry.asked()
    identity = path.removeprefix("/rentals/")
    assert ran.explains(f"--id {identity}", "does not happen twice")
    assert run("rentals", "open", "c1", "--id", identity).code == 0
    assert list(registry.asked())[1] == ("PUT", path)


def test_rentals_are_listed_with_how_it_stands_with_them(run: Run, registry: FakeRegistry) -> None:
    then = "2026-11-24T08:00:00Z"
    nothing = dict.fromkeys(
        ("reached_80_at", "reached_100_at", "collected_at", "widget_returned_at")
    )
    yellow = {**nothing, "reached_80_at": then}
    green = {**yellow, "reached_100_at": then}
    collected = {**green, "collected_at": then}
    returned = {**collected, "widget_returned_at": then}
    rentals = [{"id": RENTAL, **each} for each in (nothing, yellow, green, collected, returned)]
    registry.answers(page(*rentals))
    lines = run("rentals", "list").output.splitlines()[1:]
    assert lines[0].endswith("  charging")
    assert "80 % since 2026-11-24" in lines[1]
    assert "charged since 2026-11-24" in lines[2]
    assert "collected 2026-11-24" in lines[3]
    assert lines[3].endswith(", widget missing")
    assert "missing" not in lines[4]
    assert [json.loads(each) for each in run("--json", "rentals", "list").output.splitlines()] == (
        rentals
    )


def test_rentals_are_filtered(run: Run, registry: FakeRegistry) -> None:
    registry.answers(page())
    run("rentals", "list", "--charged-for", "30", "--widget-missing", "--state", "collected")
    run("rentals", "list")
    assert registry.queries() == [
        {
            "state": "collected",
            "charged_for_minutes": "30",
            "widget_missing": "true",
            "limit": "1000",
        },
        {"limit": "1000"},
    ]


@pytest.mark.parametrize(
    ("arguments", "filters"),
    [
        (["c1"], {"charger": "c1"}),
        (["--widget", "w1"], {"widget": "w1"}),
        (["--ticket", "0815"], {"ticket": "0815"}),
        (["c1", "--widget", "w1"], {"charger": "c1", "widget": "w1"}),
    ],
)
def test_a_phone_is_collected_by_what_the_visitor_has(
    run: Run, registry: FakeRegistry, arguments: list[str], filters: dict[str, str]
) -> None:
    registry.answers(page({"id": RENTAL}), {"id": RENTAL})
    assert run("rentals", "collect", *arguments).code == 0
    assert list(registry.asked()) == [("GET", "/rentals"), ("PUT", f"/rentals/{RENTAL}/collection")]
    assert registry.queries()[0] == {"state": "open", "limit": "2", **filters}
    assert registry.bodies()[1] == {"widget_returned": True}


def test_watching_before_a_command_is_wrong_use(run: Run, registry: FakeRegistry) -> None:
    ran = run("rentals", "--watch", "list")
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("chargelight rentals list --watch")


def test_a_phone_is_collected_by_its_rental(run: Run, registry: FakeRegistry) -> None:
    ran = run("rentals", "collect", "--id", RENTAL, "--keep-pairing", "--widget-kept")
    assert ran.code == 0
    assert list(registry.asked()) == [("PUT", f"/rentals/{RENTAL}/collection")]
    assert registry.bodies() == [{"pairing": "keep", "widget_returned": False}]


def test_a_rental_may_be_named_by_its_short_id(run: Run, registry: FakeRegistry) -> None:
    assert run("rentals", "collect", "--id", "g4h-9w5", "--end-pairing").code == 0
    assert run("rentals", "show", "G4H9W5").code == 0
    assert list(registry.asked()) == [
        ("PUT", "/rentals/g4h-9w5/collection"),
        ("GET", "/rentals/G4H9W5"),
    ]
    assert registry.bodies()[0] == {"pairing": "end", "widget_returned": True}
    ran = run("rentals", "show", "c1")
    assert ran.code == 2
    assert ran.explains("'c1' is no rental's id", "such as G4H9W5")


def test_a_fixed_pair_that_ended_is_told_with_what_to_do(run: Run, registry: FakeRegistry) -> None:
    rental = {"id": RENTAL, "charger": "c1", "widget": "w1", "paired_before": True}
    registry.answers({**rental, "pairing_kept": False})
    ran = run("rentals", "collect", "--id", RENTAL, "--widget-kept")
    assert ran.explains("has none any more", "chargelight pairings pair c1 w1")
    assert run("rentals", "collect", "--id", RENTAL, "--end-pairing").errors == ""
    registry.answers({**rental, "pairing_kept": True})
    assert run("rentals", "collect", "--id", RENTAL).errors == ""


def test_no_phone_there_is_refused(run: Run, registry: FakeRegistry) -> None:
    registry.answers(page())
    ran = run("rentals", "collect", "c1")
    assert (ran.code, ran.errors) == (1, "refused: there is no open rental of charger c1\n")


def test_who_mistypes_a_charger_at_its_collection_is_told_so(
    run: Run, registry: FakeRegistry
) -> None:
    unknown = problem(404, "no charger with the id 'C1' is registered. There is 'c1'")
    registry.answers({"items": [], "next": None}, unknown)
    ran = run("rentals", "collect", "C1")
    assert (ran.code, list(registry.asked())[-1]) == (1, ("GET", "/chargers/C1"))
    assert ran.explains("There is 'c1'")
    assert "--id" not in ran.errors
    registry.answers({"items": [], "next": None}, unknown)
    assert run("rentals", "collect", "G4H9W5").explains("--id G4H9W5")


def test_of_several_phones_none_is_collected(run: Run, registry: FakeRegistry) -> None:
    registry.answers(page({"id": RENTAL}, {"id": str(uuid.uuid4())}))
    ran = run("rentals", "collect", "--ticket", "a b")
    assert ran.code == 1
    assert ran.explains("more than one", "chargelight rentals list --state open --ticket 'a b'")
    assert list(registry.asked()) == [("GET", "/rentals")]


@pytest.mark.parametrize("arguments", [[], ["c1", "--id", RENTAL]])
def test_a_phone_is_named_in_one_way(
    run: Run, registry: FakeRegistry, arguments: list[str]
) -> None:
    ran = run("rentals", "collect", *arguments)
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("say")


def test_a_widget_comes_back_by_its_own_id(run: Run, registry: FakeRegistry) -> None:
    registry.answers(page({"id": RENTAL}), {"id": RENTAL})
    assert run("rentals", "return-widget", "--widget", "w1").code == 0
    assert registry.queries()[0] == {"widget_missing": "true", "widget": "w1", "limit": "2"}
    assert list(registry.asked())[1] == ("PUT", f"/rentals/{RENTAL}/widget-return")
    assert registry.bodies()[1] == {}


def test_a_widget_comes_back_by_its_rental(run: Run, registry: FakeRegistry) -> None:
    assert run("rentals", "return-widget", RENTAL).code == 0
    assert list(registry.asked()) == [("PUT", f"/rentals/{RENTAL}/widget-return")]


# Right now.


@pytest.mark.usefixtures("in_berlin")
def test_an_explanation_fits_on_one_screen(run: Run, registry: FakeRegistry) -> None:
    explanation = {
        "title": "charger c1, widget w1",
        "findings": [
            {"mark": "right", "about": "pairing", "text": "since 2026-11-24T08:00:00Z, number 7"},
            {"mark": "wrong", "about": "charger", "text": "offline since 2026-11-24T09:00:00Z"},
            {"mark": "new one", "about": "status", "text": "charging"},
        ],
        "verdict": "The light is stale.",
        "remedy": "Look at the charger.",
    }
    registry.answers(explanation)
    assert run("explain", "c1").output.splitlines() == [
        "charger c1, widget w1",
        "",
        "  ✓ pairing          since 2026-11-24 09:00:00+01:00, number 7",
        "  ✗ charger          offline since 2026-11-24 10:00:00+01:00",
        "  ? status           charging",
        "",
        "The light is stale.",
        "Look at the charger.",
    ]
    assert json.loads(run("explain", "w1", "--widget", "--json").output) == explanation
    assert run("explain", "c1", "--charger").code == 0
    assert list(registry.asked()) == [
        ("GET", "/explanations/c1"),
        ("GET", "/widgets/w1/explanation"),
        ("GET", "/chargers/c1/explanation"),
    ]


def test_states_are_listed_with_lights(run: Run, registry: FakeRegistry) -> None:
    state = {"id": "c1", "online": True, "reading": {"soc": 85.0}, "status": {"status": "charged"}}
    registry.answers(page(state))
    ran = run("state", "--status", "charging80", "--offline", "--most", "7")
    assert registry.queries() == [{"status": "charging80", "online": "false", "limit": "7"}]
    assert ran.output.splitlines()[1].split() == ["c1", "yes", "-", "85", "charged", "-", "-"]


# Who did what.


@pytest.mark.usefixtures("in_berlin")
def test_the_record_is_told_in_words(run: Run, registry: FakeRegistry) -> None:
    about = {"who": "anna", "kind": "charger", "subject": "c1", "at": "2026-11-24T08:00:00Z"}
    details = {"label": ["", "Büdchen"], "location": ["A", None]}
    made = {"id": "c1", "label": "", "registered_at": "2026-11-24T08:00:00+00:00"}
    registry.answers(
        page(
            {**about, "action": "changed", "details": details},
            {**about, "action": "created", "details": made},
        )
    )
    lines = run("audit").output.splitlines()
    assert lines[1].endswith("label: (empty) → Büdchen, location: A → -")
    assert lines[2].endswith("id: c1, registered at: 2026-11-24 09:00:00+01:00")


@pytest.mark.usefixtures("in_berlin")
def test_the_record_is_filtered_by_time_here(run: Run, registry: FakeRegistry) -> None:
    registry.answers(page())
    run("audit", "--since", "2026-11-24 20:00", "--until", "2026-11-24T20:00:00Z", "--who", "anna")
    assert registry.queries() == [
        {
            "who": "anna",
            "since": "2026-11-24T20:00:00+01:00",
            "until": "2026-11-24T21:00:00+01:00",
            "limit": "50",
        }
    ]


def test_a_new_key_is_all_that_is_printed(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"key": "clk_a_b", "id": "a"})
    assert run("keys", "create", "anna", "operator").output == "clk_a_b\n"
    assert registry.bodies() == [{"name": "anna", "role": "operator", "valid_days": 365}]


def test_a_key_is_not_taken_for_its_id_nor_repeated(run: Run, registry: FakeRegistry) -> None:
    ran = run("keys", "revoke", "clk_0123456789ab_geheim")
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("between clk_ and the second underscore")
    assert "geheim" not in ran.errors


# Files.


@pytest.mark.parametrize(
    ("typed", "media_type"),
    [
        (["d.csv"], "text/csv"),
        (["D.CSV"], "text/csv"),
        (["d.jsonl"], "application/jsonl"),
        (["d.ndjson"], "application/jsonl"),
        (["d.txt", "--format", "jsonl"], "application/jsonl"),
        (["d.jsonl", "--format", "csv"], "text/csv"),
    ],
)
def test_a_file_is_imported_in_the_format_of_its_name(
    run: Run, registry: FakeRegistry, tmp_path: Path, typed: list[str], media_type: str
) -> None:
    file = tmp_path / typed[0]
    file.write_bytes(b"kind,id\ncharger,c1\xff\n")
    assert run("import", str(file), *typed[1:]).code == 0
    assert registry.requests[0].headers["Content-Type"] == media_type
    assert registry.requests[0].content == file.read_bytes()


def test_standard_input_is_imported(run: Run, registry: FakeRegistry) -> None:
    ran = run("import", "-", "--dry-run", "--replace", given=b"kind,id\n")
    assert ran.code == 0
    assert list(registry.asked()) == [("POST", "/import")]
    assert registry.queries() == [{"dry_run": "true", "replace": "true"}]
    assert registry.requests[0].content == b"kind,id\n"


def test_the_encoding_of_a_file_is_said_to_the_registry(
    run: Run, registry: FakeRegistry, tmp_path: Path
) -> None:
    (tmp_path / "d.csv").write_bytes(b"kind,id\n")
    assert run("import", str(tmp_path / "d.csv"), "--encoding", "windows-1250").code == 0
    assert registry.requests[0].headers["Content-Type"] == "text/csv; charset=windows-1250"


def test_a_dry_run_shows_what_would_become_of_each_row(run: Run, registry: FakeRegistry) -> None:
    outcomes = [
        {"line": 2, "kind": "charger", "id": "C1", "device": "created", "similar": "c1"},
        {"line": 3, "kind": "widget", "id": "w1", "device": "unchanged"},
    ]
    registry.answers({"outcomes": outcomes, "rows": 2, "dry_run": True, "projected": False})
    ran = run("import", "-", "--dry-run")
    assert [line.split() for line in ran.output.splitlines()] == [
        ["line", "kind", "id", "device", "similar"],
        ["2", "charger", "C1", "created", "c1"],
        ["3", "widget", "w1", "unchanged", "-"],
        [],
        ["rows", "2"],
        ["dry", "run", "yes"],
        ["projected", "no"],
    ]
    assert json.loads(run("import", "-", "--dry-run", "--json").output)["outcomes"] == outcomes


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_import_of_more_than_a_moment_shows_its_progress_on_a_terminal(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    monkeypatch.setattr(progress, "SHOWN_AFTER_SECONDS", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setattr(progress, "Console", functools.partial(Console, force_terminal=True))
    begun = threading.Event()
    start = Progress.start

    def note_start(self: Progress) -> None:
        start(self)
        begun.set()

    def answer(_: httpx.Request) -> httpx.Response:
        if is_terminal:
            assert begun.wait(10)
        return httpx.Response(200, json={"rows": 1})

    monkeypatch.setattr(Progress, "start", note_start)
    registry.answers(answer)
    ran = run("import", "-", given=b"kind,id\n")
    assert ran.output.split() == ["rows", "1"]
    assert ("the registry works" in ran.errors) == is_terminal


def test_a_workbook_is_not_sent_and_its_writer_is_told_to_save_it_as_csv(
    run: Run, registry: FakeRegistry, tmp_path: Path
) -> None:
    (tmp_path / "Booth.XLSX").write_bytes(b"PK\x03\x04")
    ran = run("import", str(tmp_path / "Booth.XLSX"))
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("workbook", "Save it there as CSV")
    ran = run("export", str(tmp_path / "out.xlsx"))
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("workbook", "Write a .csv file, with --format spreadsheet")


def test_an_import_with_ids_in_other_capitals_says_which_and_what_to_do(
    run: Run, registry: FakeRegistry
) -> None:
    similar = [
        {"kind": "charger", "id": "C1", "similar": "c1"},
        {"kind": "widget", "id": "W1", "similar": "w1"},
    ]
    registry.answers({"rows": 9, "similar": 2, "similar_devices": similar, "dry_run": False})
    assert run("import", "-").errors == (
        "Ids that differ from others only in capitals: charger C1 beside c1, widget W1 beside w1. "
        "If one is a mistake: chargelight chargers unregister C1\n"
    )
    registry.answers({"rows": 9, "similar": 5, "similar_devices": similar, "dry_run": False})
    assert run("import", "-").explains("widget W1 beside w1, 3 more. If")
    registry.answers({"rows": 2, "similar": 0, "dry_run": False})
    assert run("import", "-").errors == ""


def test_a_file_without_rows_has_no_outcomes(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"outcomes": [], "rows": 0, "dry_run": True})
    assert "outcomes" not in run("import", "-", "--dry-run").output


@pytest.mark.parametrize("name", ["devices", "devices.json"])
def test_a_name_that_tells_no_format_is_not_guessed_at(
    run: Run, registry: FakeRegistry, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"kind,id\n")
    ran = run("import", str(tmp_path / name))
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains(".csv or .jsonl", "--format")


@pytest.mark.parametrize("name", ["nowhere.csv", "folder.csv"])
def test_a_file_that_can_not_be_read_is_told(
    run: Run, registry: FakeRegistry, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    ran = run("import", str(tmp_path / name))
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains(name, "cannot be read")


def test_an_export_goes_to_standard_output(run: Run, registry: FakeRegistry) -> None:
    registry.answers(httpx.Response(200, content="kind,id\ncharger,ü\n".encode()))
    assert run("export").output == "kind,id\ncharger,ü\n"
    assert run("export", "-", "--format", "jsonl", "--kind", "widget").code == 0
    assert registry.queries() == [{"format": "csv"}, {"format": "jsonl", "kind": "widget"}]


def test_an_export_goes_to_a_file(run: Run, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.answers(httpx.Response(200, content=b"{}\n"))
    file = tmp_path / "devices.jsonl"
    assert run("export", str(file)).code == 0
    assert file.read_bytes() == b"{}\n"
    assert list(tmp_path.iterdir()) == [file]
    assert registry.queries() == [{"format": "jsonl"}]


def test_an_exported_file_may_be_read_by_whom_any_new_file_may_be(
    run: Run, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.answers(httpx.Response(200, content=b""))
    file, any_new_file = tmp_path / "devices.csv", tmp_path / "new"
    any_new_file.touch()
    run("export", str(file))
    assert file.stat().st_mode == any_new_file.stat().st_mode
    file.chmod(0o640)
    run("export", str(file))
    assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.ConnectError("refused"), 3),
        (problem(403, "this needs the role viewer"), 1),
    ],
)
def test_a_failed_export_leaves_the_former_file_as_it_was(
    run: Run,
    registry: FakeRegistry,
    tmp_path: Path,
    answer: httpx.Response | httpx.TransportError,
    code: int,
) -> None:
    file = tmp_path / "devices.csv"
    file.write_text("the former one")
    registry.answers(answer)
    assert run("export", str(file)).code == code
    assert file.read_text() == "the former one"
    assert list(tmp_path.iterdir()) == [file]


def test_half_an_export_is_none(run: Run, registry: FakeRegistry, tmp_path: Path) -> None:
    class BreakingOff(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            yield b"kind,id\n"
            raise httpx.ReadError("connection reset")

    registry.answers(httpx.Response(200, stream=BreakingOff()))
    assert run("export", str(tmp_path / "devices.csv")).code == 3
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_can_not_be_written_is_told(
    run: Run, registry: FakeRegistry, tmp_path: Path
) -> None:
    ran = run("export", str(tmp_path / "nowhere" / "devices.csv"))
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("cannot be written")


# What is forgotten.


def test_pruning_says_when_there_is_more(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"rentals": 5000, "complete": False})
    ran = run("prune")
    assert ran.code == 0
    assert registry.queries() == [{}]
    assert ran.explains("There is more: repeat the command")
    registry.answers({"rentals": 5, "complete": True})
    assert run("prune").errors == ""


def test_one_visitor_is_erased_by_the_ticket_alone(run: Run, registry: FakeRegistry) -> None:
    assert run("erase", "0815").code == 0
    assert list(registry.asked()) == [("POST", "/erasures")]
    assert (registry.queries(), registry.bodies()) == ([{}], [{"ticket": "0815"}])
    assert run("erase", "0815", "--rental", "g4h-9w5").code == 0
    assert registry.bodies()[-1] == {"ticket": "0815", "rental": "g4h-9w5"}
    assert run("erase", "0815", "--rental", "0815").code == 2


def test_who_erases_a_ticket_that_nobody_has_is_told_so(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"rentals": 0, "audit_entries": 0, "dry_run": False})
    ran = run("erase", "0851")
    assert (ran.code, "Nothing has the ticket '0851'" in ran.errors) == (0, True)
    ran = run("erase", "0851", "--rental", "G4H9W5")
    assert ran.explains("The rental G4H9W5 does not have the ticket '0851'")
    registry.answers({"rentals": 0, "audit_entries": 2, "dry_run": False})
    assert run("erase", "0851").errors == ""
