"""Import files: what they say, and what is wrong with them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.bulk import cells, csv_file, encoding, exports, jsonl_file, lines, staging
from services.registry.bulk.exports import ExportedDevice, Format
from services.registry.bulk.import_file import ImportFile
from services.registry.bulk.mistakes import Mistake, Mistakes
from services.registry.bulk.rows import Row
from services.registry.errors import TooManyRowsError
from services.registry.words import is_words, normalise
from shared.contract.devices import Kind

SECRET = "a-secret-of-this-charger"


class File:
    """A whole file, read in pieces."""

    def __init__(
        self, content: bytes, media_type: str, codec: str | None = None, piece: int = 2048
    ) -> None:
        file = ImportFile(media_type, codec)
        self.rows: list[Row] = []
        for start in range(0, len(content), piece):
            self.rows += file.feed(content[start : start + piece])
        self.rows += file.end()
        self.mistakes = file.mistakes


def read_csv(text: str) -> File:
    return File(text.encode(), csv_file.MEDIA_TYPE)


def read_jsonl(text: str) -> File:
    return File(text.encode(), jsonl_file.MEDIA_TYPE)


def mistakes(file: File) -> list[tuple[int, str]]:
    return [(each.line, each.column) for each in file.mistakes.first]


def the_problem(file: File) -> str:
    (mistake,) = file.mistakes.first
    assert file.mistakes.total == 1
    return mistake.problem


# --- CSV


def test_columns_may_stand_in_any_order() -> None:
    file = read_csv("widget, label ,id,kind\nw1,left,c1,charger\n,,w1,widget\n")
    assert not file.mistakes.first
    assert file.rows == [
        Row(2, Kind.CHARGER, "c1", label="left", widget="w1"),
        Row(3, Kind.WIDGET, "w1", label=""),
    ]


def test_an_empty_cell_empties_words_and_means_nothing_else() -> None:
    file = read_csv("kind,id,label,location,widget,secret\ncharger,c1,,,,\n")
    assert file.rows == [Row(2, Kind.CHARGER, "c1", label="", location="")]


def test_a_line_is_where_its_record_begins() -> None:
    file = read_csv(
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
        ("kind|id\ncharger|c1\n", [(1, "")]),
        ("kind,,id\ncharger,,c1\n", [(1, "")]),
        ("kind,id,lable\ncharger,c1,x\n", [(1, "lable")]),
        ("kind,id,id\ncharger,c1,c1\n", [(1, "id")]),
        ("kind,id\ncharger,c1,x\ncharger\n", [(2, ""), (3, "id")]),
        ("kind,id\nphone,c1\n,c1\n", [(2, "kind"), (3, "kind")]),
        ("kind,id\ncharger,\ncharger,a b\n", [(2, "id"), (3, "id")]),
        ('kind,id\n"charger"x,c1\ncharger,!\n', [(2, "")]),
        ('kind,id\ncharger,"c1\nwidget,w1\n', [(2, "")]),
        ("kind,id,label\ncharger,c1,a\0b\n", [(2, "label")]),
        ("kind,id,label\ncharger,c1," + "x" * 201 + "\n", [(2, "label")]),
        ("kind,id,label\ncharger,c1," + "x" * 200_000 + "\n", [(2, "")]),
        ("kind,id,widget\nwidget,w1,w2\n", [(2, "widget")]),
        ("kind,id,widget\ncharger,c1,w 1\n", [(2, "widget")]),
        ("kind,id,secret\ncharger,c1,short\n", [(2, "secret")]),
    ],
)
def test_what_is_wrong_is_told_by_line_and_column(
    text: str, expected: list[tuple[int, str]]
) -> None:
    assert mistakes(read_csv(text)) == expected


def test_all_mistakes_are_reported_together() -> None:
    file = read_csv("kind,id,label,widget\nphone,!,\x01,w1\ncharger,!,\x02,w 2\n")
    assert mistakes(file) == [
        *((2, "kind"), (2, "id"), (2, "label")),
        *((3, "id"), (3, "label"), (3, "widget")),
    ]


@pytest.mark.parametrize(
    "row", [f"{SECRET},c1,,", f"charger,{SECRET} x,,", f"charger,c1,{SECRET} x,"]
)
def test_a_secret_in_the_wrong_column_is_not_repeated_either(row: str) -> None:
    file = read_csv(f"kind,id,widget,secret\n{row}\n")
    assert file.mistakes.total == 1
    assert SECRET not in the_problem(file)
    without = read_csv("kind,id\ncharger,a b\n")
    assert "a b" in the_problem(without), "what can be quoted is"


def test_a_secret_is_never_repeated() -> None:
    file = read_csv(f"kind,id,secret\ncharger,c1,{SECRET}\ncharger,c2,{SECRET} x\n")
    assert SECRET not in the_problem(file)
    assert SECRET not in repr(file.rows)
    assert file.rows[0].secret == SECRET


def test_a_first_line_that_names_no_columns_is_not_repeated_either() -> None:
    problem = the_problem(read_csv(f"charger,c1,left,{SECRET}\n"))
    assert SECRET not in problem
    assert "kind,id,label,location,booth,widget,secret" in problem


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_csv, f"kind,id,{'x' * 5000}\n"),
        (read_jsonl, f'{{"kind":"charger","id":"c1","{"x" * 5000}":""}}\n'),
    ],
)
def test_an_endless_name_is_not_repeated_as_a_whole(read: Callable[[str], File], text: str) -> None:
    (mistake,) = read(text).mistakes.first
    assert len(mistake.column) < 100
    assert len(mistake.problem) < 300


def test_rows_with_a_mistake_are_kept_for_those_that_refer_to_them() -> None:
    file = read_csv("kind,id,label,widget\nwidget,w1,\x01,\ncharger,c1,,w1\n")
    assert [row.id for row in file.rows] == ["w1", "c1"]


def test_of_many_mistakes_the_first_are_kept_and_all_are_counted() -> None:
    text = "kind,id\n" + "charger,!\n" * 1500
    file = read_csv(text)
    assert (len(file.mistakes.first), file.mistakes.total) == (1000, 1500)
    merged = file.mistakes.merge([Mistake(2, "widget", "x"), Mistake(9999, "widget", "x")], 7)
    assert (len(merged.first), merged.total) == (1000, 1507)
    assert merged.first[1] == Mistake(2, "widget", "x")
    assert merged.first == sorted(merged.first)


def test_nothing_wrong_stays_nothing_wrong() -> None:
    assert Mistakes().merge([], 0).total == 0


# --- JSON lines


def test_objects_say_the_same_as_rows() -> None:
    file = read_jsonl(
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
        ('{"kind":"charger","id":"c\\n1"}', "id"),
        ('{"kind":"charger"}', "id"),
        ('{"id":"c1"}', "kind"),
        ('{"kind":"charger","id":"c1","lable":"x"}', "lable"),
    ],
)
def test_what_is_wrong_with_an_object_is_told(line: str, column: str) -> None:
    file = read_jsonl(f'{{"kind":"widget","id":"w1"}}\n{line}\n')
    assert mistakes(file) == [(2, column)]
    the_problem(file).encode()  # JSON must be able to say it


# --- There and back


words = (
    st.text(
        st.characters(
            exclude_categories=["Cs"], exclude_characters=[chr(code) for code in (*range(32), 127)]
        ),
        max_size=150,
    )
    .map(normalise)
    .filter(is_words)
)
# What begins like a formula, or like one that was made harmless.
words |= st.from_regex(r"'{0,3}[=+@-]?[=a]{0,3}", fullmatch=True)
ids = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)


@st.composite
def directories(draw: st.DrawFn) -> list[ExportedDevice]:
    """Registered devices, some of them paired, some in booths."""
    booths = st.none() | ids
    chargers = draw(st.lists(ids, unique=True, max_size=5))
    widgets = draw(st.lists(ids, unique=True, max_size=5))
    partners = draw(st.permutations([*widgets, *([None] * len(chargers))]))
    return [
        *(
            ExportedDevice("charger", charger, draw(words), draw(words), draw(booths), widget)
            for charger, widget in zip(chargers, partners, strict=False)
        ),
        *(
            ExportedDevice("widget", widget, draw(words), draw(words), draw(booths), None)
            for widget in widgets
        ),
    ]


@given(directories(), st.sampled_from(Format), st.integers(1, 4))
def test_what_is_exported_is_what_an_import_reads(
    directory: list[ExportedDevice], format_: Format, chunk: int
) -> None:
    content = exports.encode_head(format_) + b"".join(
        exports.encode_rows(format_, directory[start : start + chunk])
        for start in range(0, len(directory), chunk)
    )
    file = File(content, format_.media_type)
    assert file.mistakes.first == []
    assert [
        ExportedDevice(
            row.kind.value,
            row.id,
            row.label or "",
            row.location or "",
            row.booth or None,
            row.widget,
        )
        for row in file.rows
    ] == directory


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_at_all_makes_reading_fail(text: str) -> None:
    for read in (read_csv, read_jsonl):
        file = read(text)
        assert file.mistakes.total >= len(file.mistakes.first)
        header = "kind,id,label,location,widget,secret\n" if read is read_csv else ""
        assert len(read(header + text).rows) <= text.count("\n") + text.count("\r") + 1


def test_backslashes_and_nothing_are_told_apart_on_their_way_to_postgres() -> None:
    line = staging.copy_line(Row(2, Kind.CHARGER, "c1", label="\\N", widget="w1"), None)
    assert line == "2\tcharger\tc1\t\\\\N\t\\N\t\\N\tw1\t\\N\t\\N\t\\N\n"


# --- As people have them

BOOTH = "kind,id,label,widget\ncharger,c1,Grün,w1\nwidget,w1,,\n"
BOOTH_ROWS = [Row(2, Kind.CHARGER, "c1", "Grün", None, "w1"), Row(3, Kind.WIDGET, "w1", "")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("piece", [1, 2, 3, 7, 2048])
def test_a_file_reads_the_same_in_whatever_pieces_it_comes(
    separator: str, line_end: str, piece: int
) -> None:
    text = BOOTH.replace(",", separator).replace("\n", line_end)
    for codec in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        file = File(text.encode(codec), csv_file.MEDIA_TYPE, piece=piece)
        assert (file.rows, file.mistakes.first) == (BOOTH_ROWS, [])


@pytest.mark.parametrize(
    "text",
    [
        " KIND ; Id;LABEL;Widget\n Charger; c1 ;\u00a0Grün ; w1\nWIDGET;w1;;\n",
        "kind;id;label;widget;;;\ncharger;c1;Grün;w1;;;\nwidget;w1;;;;;\n;;;;;;\n",
        "kind;id;label;widget\ncharger;c1;Grün;w1\nwidget;w1\n",  # as Excel
        '"kind";"id";"label";"widget"\n"charger";"c1";"Gru\u0308n";"w1"\n"widget";"w1";"";""\n',
    ],
)
def test_what_spreadsheets_do_to_a_file_changes_nothing(text: str) -> None:
    file = read_csv(text)
    assert (file.rows, file.mistakes.first) == (BOOTH_ROWS, [])


def test_a_separator_inside_of_quotes_is_none() -> None:
    assert read_csv('kind,id,label\ncharger,c1,"a;b;c"\n').rows[0].label == "a;b;c"
    assert read_csv('kind;id;label\ncharger;c1;"a,b,c"\n').rows[0].label == "a,b,c"


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("cp1252", "Grün €"),
        ("cp1250", "Łódź"),
        ("cp1251", "Зал"),
        ("cp932", "充電器"),
        ("gbk", "充电"),
    ],
)
def test_a_code_page_is_never_guessed_but_read_if_it_is_said(codec: str, label: str) -> None:
    content = f"kind,id,label\ncharger,c1,ascii\ncharger,c2,{label}\n".encode(codec)
    in_doubt = File(content, csv_file.MEDIA_TYPE)
    assert mistakes(in_doubt) == [(3, "")]
    assert "charset=windows-1252" in the_problem(in_doubt)
    assert [row.id for row in in_doubt.rows] == ["c1"]
    assert File(content, csv_file.MEDIA_TYPE, codec).rows[1].label == label


def test_a_code_page_that_was_said_wrongly_is_a_mistake() -> None:
    content = b"kind,id,label\ncharger,c1,\x81\n"  # not used in windows-1252
    assert mistakes(File(content, csv_file.MEDIA_TYPE, "cp1252")) == [(2, "")]


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("windows-1252", "cp1252"),
        ("iso-8859-1", "cp1252"),
        ("macintosh", "mac-roman"),
        ("utf-7", None),
        ("rot13", None),
        ("\0", None),
        ("nonsense", None),
    ],
)
def test_a_charset_has_a_name_that_people_know(charset: str, codec: str | None) -> None:
    assert encoding.codec_of(charset) == codec


def test_names_and_words_are_stored_composed_and_without_spaces_around_them() -> None:
    row = read_jsonl('{"kind":"charger","id":" c1 ","label":" e\\u0301 "}').rows[0]
    assert (row.id, row.label) == ("c1", "é")


@given(st.text(st.sampled_from("'=+-@\t\r\na")))
def test_a_cell_made_harmless_is_no_formula_and_comes_back(cell: str) -> None:
    harmless = cells.as_text(cell)
    assert harmless[:1] not in {*"=+-@\t\r\n"} - {""}
    assert cells.restored(harmless) == cell
    assert cells.restored(cells.unambiguous(cell)) == cell


def test_the_form_for_spreadsheets_has_no_formula_and_a_byte_order_mark() -> None:
    device = ExportedDevice("charger", "-5", "=HYPERLINK(1)", "@home", "-booth", None)
    content = exports.encode_head(Format.SPREADSHEET) + exports.encode_rows(
        Format.SPREADSHEET, [device]
    )
    assert content == (
        "\ufeffkind,id,label,location,booth,widget\r\n"
        "charger,'-5,'=HYPERLINK(1),'@home,'-booth,\r\n".encode()
    )
    assert File(content, csv_file.MEDIA_TYPE).rows == [
        Row(2, Kind.CHARGER, "-5", "=HYPERLINK(1)", "@home", booth="-booth")
    ]


# --- Hostile files

LONG = lines.MAX_CHARACTERS + 1
HOSTILE = {
    "many names": (csv_file.MEDIA_TYPE, "kind,id," + ",".join(f"n{n}" for n in range(40_000))),
    "names within a line": (csv_file.MEDIA_TYPE, "kind,id" + ",a" * 5000 + "\n"),
    "an endless cell": (csv_file.MEDIA_TYPE, "kind,id\ncharger," + "c" * LONG),
    "an open quote": (csv_file.MEDIA_TYPE, 'kind,id\n"' + '""\n' * LONG),
    "an endless object": (jsonl_file.MEDIA_TYPE, '{"kind":"' + "c" * LONG),
    "objects in objects": (jsonl_file.MEDIA_TYPE, '{"a":' * (LONG // 8) + "\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_for_what_is_too_long(name: str) -> None:
    media_type, text = HOSTILE[name]
    file = File(text.encode(), media_type)
    assert (file.rows, file.mistakes.total) == ([], 1)
    assert len(the_problem(file)) < 300


SHORT = (b"kind,id\n", b"\r", b"charger,c1\n", b'"",', b"{", b'{"kind":', b"\xff")
REPEATED = (b",", b" ", b'"', b"\0", b"x", b"[", b"\n")


# How often, apart from what: Hypothesis warns of values that are large when written out.
@given(
    st.lists(
        st.tuples(st.sampled_from(SHORT), st.just(1))
        | st.tuples(st.sampled_from(REPEATED), st.sampled_from((1, LONG))),
        max_size=6,
    )
)
def test_no_bytes_at_all_make_reading_fail(pieces: list[tuple[bytes, int]]) -> None:
    for media_type in (csv_file.MEDIA_TYPE, jsonl_file.MEDIA_TYPE):
        File(b"".join(piece * times for piece, times in pieces), media_type)


@pytest.mark.parametrize("empty", ["\n", "\r", ",\n", '""\n'])
def test_endless_empty_lines_are_refused(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINES", 1000)
    for head in ("", "kind,id\n"):
        with pytest.raises(TooManyRowsError, match="1,000 lines"):
            read_csv(head + empty * 20_000)


@pytest.mark.parametrize("start", [b"PK\x03\x04\x14\0", b"\xd0\xcf\x11\xe0\xa1\xb1"])
@pytest.mark.parametrize("codec", [None, "cp1252"])
def test_a_workbook_is_told_from_text_in_another_encoding(start: bytes, codec: str | None) -> None:
    with pytest.raises(encoding.NotDecodableError, match=r"workbook .* save it as CSV"):
        encoding.Decoder(codec).decode(start)
