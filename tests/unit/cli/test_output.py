"""What people and programs get to see."""

import io
import json
from collections.abc import Iterator

import pytest

from services.cli.api import Api, address
from services.cli.failures import ReaderGoneError, RefusedError
from services.cli.output import Column, Output, cell, local_time, printable
from tests.unit.cli.fake_registry import FakeRegistry

DEVICES: list[dict[str, object]] = [
    {"id": "c1", "label": "Büdchen 左", "reading": {"soc": 70.0}, "widget": "w1"},
    {"id": "c22", "label": "", "reading": None, "widget": None},
]
COLUMNS = ["id", "label", "reading.soc", "widget"]


@pytest.fixture
def people() -> Output:
    return Output(as_json=False)


@pytest.fixture
def programs() -> Output:
    return Output(as_json=True)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Output:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    return Output(as_json=False)


Printed = pytest.CaptureFixture[str]


# For people.


def test_a_table_has_its_columns_below_one_another(people: Output, capsys: Printed) -> None:
    people.table(DEVICES, COLUMNS)
    assert capsys.readouterr().out.splitlines() == [
        "id   label       soc  widget",
        "c1   Büdchen 左  70   w1",  # the sign is two columns wide
        "c22              -    -",
    ]


def test_an_empty_table_says_so(people: Output, capsys: Printed) -> None:
    people.table([], COLUMNS)
    assert capsys.readouterr().out == "none\n"


def test_away_from_a_terminal_each_item_is_one_line_however_long(
    people: Output, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    people.table([{"id": "c1", "label": "x" * 200, "widget": "w1"}], ["id", "label", "widget"])
    assert capsys.readouterr().out.splitlines()[1] == f"c1  {'x' * 200}  w1"


def test_on_a_narrow_terminal_no_cell_is_cut_in_pieces(terminal: Output, capsys: Printed) -> None:
    identity = "d0a76458-117d-49e4-90b3-7fcdf758705e"
    terminal.table([{"id": identity, "widget": "w1"}] * 2, ["id", "widget", "charger"])
    lines = capsys.readouterr().out.splitlines()
    assert [identity in line for line in lines] == [True, False, False, False] * 2
    assert "w1" in lines[1]


def test_on_a_terminal_that_is_wide_enough_a_table_is_one(
    terminal: Output, capsys: Printed
) -> None:
    terminal.table(DEVICES, ["id", "label", "widget"])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_light_has_its_colour_on_a_terminal(terminal: Output, capsys: Printed) -> None:
    terminal.table([{"status": "charging80"}], ["status"])
    assert "\x1b[33mcharging80\x1b[0m" in capsys.readouterr().out


def test_elsewhere_nothing_has_a_colour(people: Output, capsys: Printed) -> None:
    people.table([{"status": "charging80"}], ["status"])
    people.fields({"status": "charging80", "at": None})
    assert "\x1b" not in capsys.readouterr().out


def test_a_column_may_be_worked_out(people: Output, capsys: Printed) -> None:
    people.table([{"a": 1, "b": 2}], [Column("sum", lambda item: item["a"] + item["b"])])
    assert capsys.readouterr().out == "sum\n3\n"


def test_fields_show_also_what_is_inside(people: Output, capsys: Printed) -> None:
    people.fields({"id": "c1", "reading": {"soc": 70.5, "revision": [7, 1]}, "last_seen": None})
    assert capsys.readouterr().out.splitlines() == [
        "id                c1",
        "reading soc       70.5",
        "reading revision  7, 1",
        "last seen         -",
    ]


def test_what_is_not_in_effect_yet_is_told_beside_the_answer(
    people: Output, capsys: Printed
) -> None:
    people.fields({"id": "c1", "projected": False})
    printed = capsys.readouterr()
    assert "projected  no" in printed.out
    assert printed.err.startswith("Not in effect yet")
    people.fields({"id": "c1", "projected": True})
    people.fields({"rows": 3, "dry_run": True, "projected": False})
    assert capsys.readouterr().err == ""


def test_a_list_that_is_cut_off_says_so_beside_the_answer(
    people: Output, capsys: Printed, registry: FakeRegistry
) -> None:
    registry.answers({"items": DEVICES, "next": "n1"})
    api = Api("http://registry", "", registry.transport)
    people.table(api.pages(address("chargers"), 2), COLUMNS)
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3
    assert "--most" in printed.err


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (70.0, "70"),
        (99.5, "99.5"),
        ("", ""),
        ([], "-"),
        (["a", "b"], "a, b"),
        ({"widget_id": "w1", "at": None}, "widget id: w1, at: -"),
        ([{"gateway": "g1"}, {"gateway": "g2"}], "gateway: g1; gateway: g2"),
        ("[bold]no markup[/bold]", "[bold]no markup[/bold]"),
        (":smile:", ":smile:"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, text: str) -> None:
    assert cell(value).plain == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Büdchen 左 🎪 a\u00a0b", "Büdchen 左 🎪 a\u00a0b"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb\nc", r"a\rb\nc"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff", r"\udcff"),
    ],
)
def test_no_text_does_anything_to_a_terminal(text: str, shown: str) -> None:
    assert cell(text).plain == shown
    assert printable(text) == shown


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-24T08:00:00Z", "2026-11-24 09:00:00+01:00"),
        ("2026-07-24T08:00:00.123456Z", "2026-07-24 10:00:00+02:00"),
        ("2026-11-24T08:00:00+09:00", "2026-11-24 00:00:00+01:00"),
        ("0001-01-01T00:00:00+00:00", "0001-01-01"),
        ("9999-12-31T23:59:59.999999-12:00", "9999-12-31"),
        ("Stage T, left of the tower", "Stage T, left of the tower"),
        ("2026-11-24T late in the night", "2026-11-24T late in the night"),
        ("c1234", "c1234"),
    ],
)
def test_times_are_shown_in_the_zone_of_the_machine_and_with_it(text: str, shown: str) -> None:
    assert local_time(text).startswith(shown)


# For programs.


def test_a_program_gets_what_the_registry_said(programs: Output, capsys: Printed) -> None:
    programs.fields({"id": "c1", "at": "2026-11-24T08:00:00Z", "widget": None})
    programs.line("for people", {"id": "c1"})
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == {"id": "c1", "at": "2026-11-24T08:00:00Z", "widget": None}
    assert json.loads(second) == {"id": "c1"}


def test_a_program_gets_each_item_on_a_line_as_it_comes(programs: Output, capsys: Printed) -> None:
    seen = []

    def coming() -> Iterator[dict[str, object]]:
        for device in DEVICES:
            yield device
            seen.append(json.loads(capsys.readouterr().out))

    programs.table(coming(), ["id"])
    assert seen == DEVICES


def test_a_program_gets_nothing_where_there_is_nothing(programs: Output, capsys: Printed) -> None:
    programs.table([], ["id"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_json_is_json_whatever_the_encoding(
    programs: Output, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding))
    programs.line("", {"label": "ü左🎪"})
    assert json.loads(written.getvalue().decode(encoding)) == {"label": "ü左🎪"}


# Where output can not go.


class Failing(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _: str) -> int:
        raise self.error


def test_a_reader_who_has_enough_is_no_error_of_the_system(
    people: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", Failing(BrokenPipeError()))
    with pytest.raises(ReaderGoneError):
        people.table(DEVICES, COLUMNS)


def test_a_full_disk_is_told(people: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Failing(OSError(28, "No space left on device")))
    with pytest.raises(RefusedError, match="cannot be written: No space left on device"):
        people.plain("x")
