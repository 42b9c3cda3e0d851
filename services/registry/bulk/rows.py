"""The rows of an import file, and the mistakes in it. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.registry.access import secret as secrets
from services.registry.api.representations import ID_RULE, WORDS_RULE, is_words
from services.registry.errors import ImportRefusedError, TooManyRowsError
from shared.contract.devices import Kind, is_device_id

COLUMNS: Final = ("kind", "id", "label", "location", "widget", "secret")
REQUIRED: Final = ("kind", "id")

MAX_ROWS: Final = 200_000
MAX_SHOWN: Final = 1000
"""Mistakes that are kept; all are counted."""

_MAX_QUOTED: Final = 80
"""Longest quotation of a text from the file, in characters."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """A reason why a file cannot be imported."""

    line: int
    column: str
    """Empty where it is about the line as a whole."""
    problem: str


@dataclass(slots=True)
class Mistakes:
    """The first mistakes of a file, and how many there are."""

    first: list[Mistake] = field(default_factory=list)
    total: int = 0

    def add(self, line: int, column: str, problem: str) -> None:
        """Add one; they come in the order of their lines."""
        self.total += 1
        if len(self.first) < MAX_SHOWN:
            self.first.append(Mistake(line, column, problem))

    def merge(self, others: list[Mistake], total: int) -> "Mistakes":
        """Return these and others, of which there are ``total``, in the order of their lines."""
        return Mistakes(sorted([*self.first, *others])[:MAX_SHOWN], self.total + total)

    def refusal(self) -> ImportRefusedError:
        """Return the error that refuses the file because of these; there is at least one."""
        first = self.first[0]
        where = f"line {first.line}" + (f", {first.column}" if first.column else "")
        count = "1 mistake" if self.total == 1 else f"{self.total:,} mistakes"
        return ImportRefusedError(
            f"nothing was imported because of {count}; the first, {where}: {first.problem}",
            errors=[
                {"line": each.line, "column": each.column or None, "problem": each.problem}
                for each in self.first
            ],
            total=self.total,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A device as the file describes it. None: leave it as it is."""

    line: int
    kind: Kind
    id: str
    label: str | None = None
    location: str | None = None
    widget: str | None = None
    """The widget to pair a charger with."""
    secret: str | None = field(default=None, repr=False)


class File:
    """Collects the rows of a file, and the mistakes that can be found without Postgres.

    Rows with a mistake are collected too, without the bad cell: other rows may name them.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.mistakes = Mistakes()
        self._count = 0
        self._may_quote = True
        self._lines: dict[tuple[Kind, str], int] = {}
        self._wanted: dict[str, Row] = {}

    def add(self, line: int, cells: Mapping[str, str | None]) -> None:
        """Take one row.

        Args:
            line: Where it begins in the file, from 1.
            cells: By known columns; None as if the column were not there.

        Raises:
            TooManyRowsError: The file has too many.
        """
        self._count += 1
        if self._count > MAX_ROWS:
            raise TooManyRowsError(
                f"the file has more than {MAX_ROWS:,} rows; send it in parts, widgets first"
            )
        # With one comma too many, a secret is where an id should be.
        self._may_quote = "secret" not in cells
        kind = self._kind(line, cells.get("kind"))
        device_id = self._id(line, cells.get("id"))
        row = Row(
            line,
            kind or Kind.CHARGER,
            device_id or "",
            self._words(line, "label", cells.get("label")),
            self._words(line, "location", cells.get("location")),
            self._widget(line, kind, cells.get("widget")),
            self._secret(line, cells.get("secret")),
        )
        if kind is not None and device_id is not None and self._is_first(row):
            self.rows.append(row)

    def _kind(self, line: int, text: str | None) -> Kind | None:
        if not text:
            self.mistakes.add(line, "kind", "missing: charger or widget")
            return None
        try:
            return Kind(text)
        except ValueError:
            self.mistakes.add(line, "kind", f"charger or widget, not {self._shown(text)}")
            return None

    def _id(self, line: int, text: str | None) -> str | None:
        if not text:
            self.mistakes.add(line, "id", f"missing: {ID_RULE}")
            return None
        if not is_device_id(text):
            self.mistakes.add(line, "id", f"{self._shown(text)} cannot be an id: {ID_RULE}")
            return None
        return text

    def _words(self, line: int, column: str, text: str | None) -> str | None:
        if text is not None and not is_words(text):
            self.mistakes.add(line, column, WORDS_RULE)
            return None
        return text

    def _widget(self, line: int, kind: Kind | None, text: str | None) -> str | None:
        if not text:
            return None
        if kind is Kind.WIDGET:
            self.mistakes.add(line, "widget", "only a charger's row says who is paired with whom")
            return None
        if not is_device_id(text):
            self.mistakes.add(line, "widget", f"{self._shown(text)} cannot be an id: {ID_RULE}")
            return None
        return text

    def _secret(self, line: int, text: str | None) -> str | None:
        if not text:
            return None
        if not secrets.is_secret(text):
            self.mistakes.add(line, "secret", secrets.RULE)  # never the secret itself
            return None
        return text

    def _shown(self, text: str) -> str:
        return _quote(text) if self._may_quote else "this text"

    def _is_first(self, row: Row) -> bool:
        former = self._lines.setdefault((row.kind, row.id), row.line)
        if former != row.line:
            self.mistakes.add(
                row.line, "id", f"the {row.kind.value} {row.id} is on line {former} already"
            )
            return False
        if row.widget is not None:
            other = self._wanted.setdefault(row.widget, row)
            if other is not row:
                self.mistakes.add(
                    row.line,
                    "widget",
                    f"{row.widget} is paired with {other.id} on line {other.line}",
                )
        return True


def unknown_column(name: str) -> str:
    """Return the problem of a column that does not exist."""
    return f"there is no column {_quote(name)}; there are {', '.join(COLUMNS)}"


def shorten(text: str) -> str:
    """Return a text, or its beginning if it is long."""
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"


def _quote(text: str) -> str:
    return ascii(shorten(text))
