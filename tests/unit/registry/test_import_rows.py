"""Import files: what they say, and what is wrong with them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.bulk import csv_file, exports, imports, jsonl_file
from services.registry.bulk.exports import ExportedDevice, Format
from services.registry.bulk.rows import File, Mistake, Mistakes, Row
from shared.contract.devices import Kind

SECRET = "a-secret-of-this-charger"


def mistakes(file: File) -> list[tuple[int, str]]:
    return [(each.line, each.column) for each in file.mistakes.first]


def the_problem(file: File) -> str:
    (mistake,) = file.mistakes.first
    assert file.mistakes.total == 1
    return mistake.problem


# --- CSV


def test_columns_may_stand_in_any_order() -> None:
    file = csv_file.read("widget, label ,id,kind\nw1,left,c1,charger\n,,w1,widget\n")
    assert not file.mistakes.first
    assert file.rows == [
        Row(2, Kind.CHARGER, "c1", label="left", widget="w1"),
        Row(3, Kind.WIDGET, "w1", label=""),
    ]


def test_an_empty_cell_empties_words_and_means_nothing_else() -> None:
    file = csv_file.read("kind,id,label,location,widget,secret\ncharger,c1,,,,\n")
    assert file.rows == [Row(2, Kind.CHARGER, "c1", label="", location="")]


def test_a_line_is_where_its_record_begins() -> None:
    file = csv_file.read(
        'kind,id,label\r\n\r\ncharger,c1,"two\r\nlines"\r\n,,\r\ncharger,!,\ncharger,c2,"a ""b"""\r'
    )
    assert mistakes(file) == [(3, "label"), (6, "id")]
    assert [(row.line, row.id, row.label) for row in file.rows] == [
        (3, "c1", None),
        (7, "c2", 'a "b"'),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "")]),
        ("\n\n", [(1, "")]),
        ("id,label\nc1,x\n", [(1, "kind")]),
        ("\nkind\ncharger\n", [(2, "id")]),
        ("kind;id\ncharger;c1\n", [(1, "")]),
        ("kind,id,lable\ncharger,c1,x\n", [(1, "lable")]),
        ("kind,id,id\ncharger,c1,c1\n", [(1, "id")]),
        ("kind,id\ncharger,c1,x\ncharger\n", [(2, ""), (3, "")]),
        ("kind,id\nphone,c1\n,c1\n", [(2, "kind"), (3, "kind")]),
        ("kind,id\ncharger,\ncharger,a b\ncharger, c1\n", [(2, "id"), (3, "id"), (4, "id")]),
        ('kind,id\n"charger"x,c1\ncharger,!\n', [(2, "")]),
        ('kind,id\ncharger,"c1\nwidget,w1\n', [(2, "")]),
        ("kind,id,label\ncharger,c1,a\0b\n", [(2, "label")]),
        ("kind,id,label\ncharger,c1," + "x" * 201 + "\n", [(2, "label")]),
        ("kind,id,label\ncharger,c1," + "x" * 200_000 + "\n", [(2, "")]),
        ("kind,id,widget\nwidget,w1,w2\n", [(2, "widget")]),
        ("kind,id,widget\ncharger,c1,w 1\n", [(2, "widget")]),
        ("kind,id,secret\ncharger,c1,short\n", [(2, "secret")]),
        ("kind,id\ncharger,c1\nwidget,c1\ncharger,c1\n", [(4, "id")]),
        ("kind,id,widget\ncharger,c1,w1\ncharger,c2,w1\n", [(3, "widget")]),
    ],
)
def test_what_is_wrong_is_told_by_line_and_column(
    text: str, expected: list[tuple[int, str]]
) -> None:
    assert mistakes(csv_file.read(text)) == expected


def test_all_mistakes_are_reported_together() -> None:
    file = csv_file.read("kind,id,label,widget\nphone,!,\x01,w1\ncharger,!,\x02,w 2\n")
    assert mistakes(file) == [
        *((2, "kind"), (2, "id"), (2, "label")),
        *((3, "id"), (3, "label"), (3, "widget")),
    ]


def test_a_mistake_says_where_the_other_one_is() -> None:
    assert "line 2" in the_problem(csv_file.read("kind,id\ncharger,c1\ncharger,c1\n"))
    wanted = "kind,id,widget\ncharger,c1,w1\ncharger,c2,w1\n"
    assert "c1 on line 2" in the_problem(csv_file.read(wanted))
    assert "commas" in csv_file.read("kind;id\ncharger;c1\n").mistakes.first[0].problem


@pytest.mark.parametrize(
    "row", [f"{SECRET},c1,,", f"charger,{SECRET} x,,", f"charger,c1,{SECRET} x,"]
)
def test_a_secret_in_the_wrong_column_is_not_repeated_either(row: str) -> None:
    file = csv_file.read(f"kind,id,widget,secret\n{row}\n")
    assert file.mistakes.total == 1
    assert SECRET not in the_problem(file)
    without = csv_file.read("kind,id\ncharger,a b\n")
    assert "a b" in the_problem(without), "what can be quoted is"


def test_a_secret_is_never_repeated() -> None:
    file = csv_file.read(f"kind,id,secret\ncharger,c1,{SECRET}\ncharger,c2,{SECRET} \n")
    assert SECRET not in the_problem(file)
    assert SECRET not in repr(file.rows)
    assert file.rows[0].secret == SECRET


def test_a_first_line_that_names_no_columns_is_not_repeated_either() -> None:
    problem = the_problem(csv_file.read(f"charger,c1,left,{SECRET}\n"))
    assert SECRET not in problem
    assert "kind,id,label,location,widget,secret" in problem


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (csv_file.read, f"kind,id,{'x' * 5000}\n"),
        (jsonl_file.read, f'{{"kind":"charger","id":"c1","{"x" * 5000}":""}}\n'),
    ],
)
def test_an_endless_name_is_not_repeated_as_a_whole(read: Callable[[str], File], text: str) -> None:
    (mistake,) = read(text).mistakes.first
    assert len(mistake.column) < 100
    assert len(mistake.problem) < 300


def test_rows_with_a_mistake_are_kept_for_those_that_refer_to_them() -> None:
    file = csv_file.read("kind,id,label,widget\nwidget,w1,\x01,\ncharger,c1,,w1\n")
    assert [row.id for row in file.rows] == ["w1", "c1"]


def test_of_many_mistakes_the_first_are_kept_and_all_are_counted() -> None:
    text = "kind,id\n" + "charger,!\n" * 1500
    file = csv_file.read(text)
    assert (len(file.mistakes.first), file.mistakes.total) == (1000, 1500)
    merged = file.mistakes.merge([Mistake(2, "widget", "x"), Mistake(9999, "widget", "x")], 7)
    assert (len(merged.first), merged.total) == (1000, 1507)
    assert merged.first[1] == Mistake(2, "widget", "x")
    assert merged.first == sorted(merged.first)


def test_nothing_wrong_stays_nothing_wrong() -> None:
    assert Mistakes().merge([], 0).total == 0


# --- JSON lines


def test_objects_say_the_same_as_rows() -> None:
    file = jsonl_file.read(
        '{"kind":"charger","id":"c1","label":"","widget":"w1"}\r\n\n'
        ' {"id":"w1","kind":"widget","label":null,"widget":"","location":"a\u2028b"}'
    )
    assert not file.mistakes.first
    assert file.rows == [
        Row(1, Kind.CHARGER, "c1", label="", widget="w1"),
        Row(3, Kind.WIDGET, "w1", location="a\u2028b"),
    ]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("{", ""),
        ("7", ""),
        ("[]", ""),
        ("null", ""),
        ("[" * 5000, ""),
        ('{"kind":"charger","id":"c1"} {}', ""),
        ('{"kind":"charger","id":"c1","label":NaN}', ""),
        ('{"kind":"charger","id":"c1","label":' + "9" * 5000 + "}", ""),
        ('{"kind":"charger","id":"c1","id":"c2"}', "id"),
        ('{"kind":"charger","id":"c1","label":7}', "label"),
        ('{"kind":"charger","id":7}', "id"),
        ('{"kind":true,"id":"c1"}', "kind"),
        ('{"kind":"charger","id":"c1","label":"\\ud800"}', "label"),
        ('{"kind":"charger","id":"c1","label":"\\u0000"}', "label"),
        ('{"kind":"charger","id":"c1","\\ud800":"x"}', "\\ud800"),
        ('{"kind":"charger","id":"\\ud800"}', "id"),
        ('{"kind":"charger","id":"c1\\n"}', "id"),
        ('{"kind":"charger"}', "id"),
        ('{"id":"c1"}', "kind"),
        ('{"kind":"charger","id":"c1","lable":"x"}', "lable"),
    ],
)
def test_what_is_wrong_with_an_object_is_told(line: str, column: str) -> None:
    file = jsonl_file.read(f'{{"kind":"widget","id":"w1"}}\n{line}\n')
    assert mistakes(file) == [(2, column)]
    the_problem(file).encode()  # JSON must be able to say it


# --- There and back


words = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=[chr(code) for code in (*range(32), 127)]
    ),
    max_size=200,
)
ids = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)


@st.composite
def directories(draw: st.DrawFn) -> list[ExportedDevice]:
    """Registered devices, some of them paired."""
    chargers = draw(st.lists(ids, unique=True, max_size=5))
    widgets = draw(st.lists(ids, unique=True, max_size=5))
    partners = draw(st.permutations([*widgets, *([None] * len(chargers))]))
    return [
        *(
            ExportedDevice("charger", charger, draw(words), draw(words), widget)
            for charger, widget in zip(chargers, partners, strict=False)
        ),
        *(ExportedDevice("widget", widget, draw(words), draw(words), None) for widget in widgets),
    ]


@given(directories(), st.sampled_from(Format), st.integers(1, 4))
def test_what_is_exported_is_what_an_import_reads(
    directory: list[ExportedDevice], format_: Format, chunk: int
) -> None:
    content = exports.encode_head(format_) + b"".join(
        exports.encode_rows(format_, directory[start : start + chunk])
        for start in range(0, len(directory), chunk)
    )
    read = csv_file.read if format_ is Format.CSV else jsonl_file.read
    file = read(content.decode())
    assert file.mistakes.first == []
    assert [
        ExportedDevice(row.kind.value, row.id, row.label or "", row.location or "", row.widget)
        for row in file.rows
    ] == directory


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_at_all_makes_reading_fail(text: str) -> None:
    for read in (csv_file.read, jsonl_file.read):
        file = read(text)
        assert file.mistakes.total >= len(file.mistakes.first)
        header = "kind,id,label,location,widget,secret\n" if read is csv_file.read else ""
        assert len(read(header + text).rows) <= text.count("\n") + text.count("\r") + 1


def test_backslashes_and_nothing_are_told_apart_on_their_way_to_postgres() -> None:
    (piece,) = imports.copy_lines([Row(2, Kind.CHARGER, "c1", label="\\N", widget="w1")])
    assert piece == b"2\tcharger\tc1\t\\\\N\t\\N\tw1\n"
