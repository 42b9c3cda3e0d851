"""The rows of an import file, and the mistakes that a row alone shows. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.registry.access import secret as secrets
from services.registry.bulk.mistakes import Mistakes, quote
from services.registry.errors import TooManyRowsError
from services.registry.words import WORDS_RULE, is_words, normalise
from shared.contract.connectors import is_id_of, rule_for
from shared.contract.devices import ID_RULE, Kind

COLUMNS: Final = ("kind", "id", "label", "location", "booth", "widget", "secret")
REQUIRED: Final = ("kind", "id")

MAX_ROWS: Final = 200_000


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
    booth: str | None = None
    """The id or the name of one; empty: none."""


class RowCheck:
    """Makes rows of cells, and adds the mistakes that it finds.

    A row with a mistake is made too, without the bad cell: other rows may name its device.
    """

    def __init__(self, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._count = 0
        self._line = 0
        self._may_quote = True

    def row(self, line: int, cells: Mapping[str, str | None]) -> Row | None:
        """Return a row; None: it does not say which device it is about.

        Args:
            line: Where it begins in the file, from 1.
            cells: By known columns, without spaces around them; None as if the column were
                not there.

        Raises:
            TooManyRowsError: The file has too many.
        """
        self._count += 1
        if self._count > MAX_ROWS:
            raise TooManyRowsError(
                f"the file has more than {MAX_ROWS:,} rows; send it in parts, widgets first"
            )
        self._line = line
        # With one comma too many, a secret is where an id should be.
        self._may_quote = "secret" not in cells
        kind = self._kind(cells.get("kind"))
        device_id = self._id("id", cells.get("id"), kind or Kind.CHARGER)
        label = self._words("label", cells.get("label"))
        location = self._words("location", cells.get("location"))
        booth = self._words("booth", cells.get("booth"))
        widget = self._widget(kind, cells.get("widget"))
        secret = self._secret(cells.get("secret"))
        if kind is None or device_id is None:
            return None
        return Row(line, kind, device_id, label, location, widget, secret, booth)

    def _mistake(self, column: str, problem: str, code: str) -> None:
        self._mistakes.add(self._line, column, problem, code)

    def _kind(self, text: str | None) -> Kind | None:
        kind = _KINDS.get(text.lower()) if text else None
        if kind is None:
            shown = f"charger or widget, not {self._shown(text)}" if text else None
            self._mistake("kind", shown or "missing: charger or widget", "kind")
        return kind

    def _id(self, column: str, text: str | None, kind: Kind) -> str | None:
        if not text:
            self._mistake(column, f"missing: {ID_RULE}", "no-id")
        elif not is_id_of(kind, text):
            rule = rule_for(text) if kind is Kind.CHARGER else ID_RULE
            self._mistake(column, f"{self._shown(text)} cannot be an id: {rule}", "no-such-id")
        else:
            return text
        return None

    def _words(self, column: str, text: str | None) -> str | None:
        if not text:
            return text
        text = normalise(text)
        if not is_words(text):
            self._mistake(column, WORDS_RULE, "words")
            return None
        return text

    def _widget(self, kind: Kind | None, text: str | None) -> str | None:
        if not text:
            return None
        if kind is Kind.WIDGET:
            problem = "only a charger's row says who is paired with whom"
            self._mistake("widget", problem, "not-a-charger")
            return None
        return self._id("widget", text, Kind.WIDGET)

    def _secret(self, text: str | None) -> str | None:
        if not text:
            return None
        if not secrets.is_secret(text):
            self._mistake("secret", secrets.RULE, "secret")  # never the secret itself
            return None
        return text

    def _shown(self, text: str) -> str:
        return quote(text) if self._may_quote else "this text"


_KINDS: Final = {kind.value: kind for kind in Kind}


def unknown_column(name: str) -> str:
    """Return the problem of a column that does not exist."""
    return f"there is no column {quote(name)}; there are {', '.join(COLUMNS)}"
