"""The rows of an import file in Postgres: first staged, then in a table of the transaction.

While a file is received, no transaction is open and no connection is held: each piece is a short
transaction. Once the file is complete, its rows are checked against each other and against what is
registered, in a few statements. This process holds only as many rows as it reads at once.
"""

import contextlib
from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import uuid4

from services.registry.access.secret import PreparedSecret
from services.registry.bulk.mistakes import MAX_SHOWN, Mistake, Mistakes, quote
from services.registry.bulk.rows import Row
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Connection, Database

STATEMENT_SECONDS: Final = 120
"""How long one statement on 200,000 rows may take."""

_COPY_BYTES: Final = 64 * 1024
"""How much goes to Postgres at once."""

_COPY: Final = """
    COPY staged_rows (upload, line, kind, id, label, location, booth, widget, hash,
                      digest, key_fingerprint)
    FROM STDIN
"""
_GATHER: Final = """
    CREATE TEMPORARY TABLE import_rows ON COMMIT DROP AS
    SELECT line, kind, id, label, location, booth, NULL::booth_id AS booth_id, widget, hash,
           digest, key_fingerprint
    FROM staged_rows
    WHERE upload = %(upload)s
"""
# Also those of a registry that was killed while it received a file.
_DISCARD: Final = """
    DELETE FROM staged_rows
    WHERE upload = %(upload)s OR staged_at < clock_timestamp() - interval '1 hour'
"""
_NOTHING_TO_HASH: Final = "\t\\N\t\\N\t\\N\n"
# Without ANALYZE, the planner joins 25,000 rows as if they were a handful.
_COMPLETE: Final = f"""
    SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s';
    ANALYZE import_rows
"""

# Rows that cannot be imported, with what is in the way; only one of the last columns is not null.
_MISTAKES: Final = """
    SELECT line, kind, id, widget, problem, other, other_line, count(*) OVER () AS total
    FROM (
        SELECT line, kind, id, widget, 'again' AS problem, NULL AS other, first_line AS other_line
        FROM (SELECT *, min(line) OVER (PARTITION BY kind, id) AS first_line
              FROM import_rows) AS each_row
        WHERE line > first_line
        UNION ALL
        SELECT line, kind, id, widget, 'wanted', first_id, first_line
        FROM (SELECT *, first_value(id) OVER by_widget AS first_id,
                     first_value(line) OVER by_widget AS first_line
              FROM import_rows
              WHERE widget IS NOT NULL
              WINDOW by_widget AS (PARTITION BY widget ORDER BY line)) AS each_row
        WHERE line > first_line AND id <> first_id
        UNION ALL
        SELECT line, kind, id, widget, 'unknown',
               (SELECT min(known.id) FROM widgets AS known
                WHERE lower(known.id) = lower(import_rows.widget)),
               NULL
        FROM import_rows
        WHERE widget IS NOT NULL
          AND NOT EXISTS (SELECT FROM widgets WHERE widgets.id = import_rows.widget)
          AND NOT EXISTS (SELECT FROM import_rows AS other
                          WHERE other.kind = 'widget' AND other.id = import_rows.widget)
        UNION ALL
        SELECT line, kind, id, widget, 'no charger', split_part(id, ':', 1), NULL
        FROM import_rows
        WHERE kind = 'charger' AND position(':' IN id) > 0
          AND NOT EXISTS (SELECT FROM chargers
                          WHERE chargers.id = split_part(import_rows.id, ':', 1))
          AND NOT EXISTS (SELECT FROM import_rows AS other
                          WHERE other.kind = 'charger'
                            AND other.id = split_part(import_rows.id, ':', 1))
        UNION ALL
        SELECT line, kind, id, widget, 'no booth', booth, NULL
        FROM import_rows
        WHERE booth <> '' AND booth_id IS NULL
        UNION ALL
        SELECT line, kind, id, widget, 'canary', NULL, NULL
        FROM import_rows
        WHERE EXISTS (SELECT FROM chargers
                      WHERE kind = 'charger' AND chargers.id = import_rows.id AND canary)
           OR EXISTS (SELECT FROM widgets
                      WHERE canary AND (widgets.id = import_rows.widget
                                        OR kind = 'widget' AND widgets.id = import_rows.id))
        UNION ALL
        SELECT line, kind, id, widget, 'charger is paired', pairings.widget_id, NULL
        FROM import_rows
        JOIN pairings ON pairings.charger_id = import_rows.id
        WHERE import_rows.kind = 'charger' AND import_rows.widget <> pairings.widget_id
          AND NOT %(replace)s
        UNION ALL
        SELECT line, kind, id, widget, 'widget is paired', pairings.charger_id, NULL
        FROM import_rows
        JOIN pairings ON pairings.widget_id = import_rows.widget
        WHERE import_rows.id <> pairings.charger_id
          AND NOT %(replace)s
        UNION ALL
        SELECT line, kind, import_rows.id, widget, 'visitor has it', rentals.charger_id, NULL
        FROM import_rows
        JOIN rentals ON rentals.widget_id = import_rows.widget AND rentals.collected_at IS NULL
        WHERE import_rows.id <> rentals.charger_id
          AND NOT EXISTS (SELECT FROM pairings WHERE pairings.widget_id = import_rows.widget)
          AND NOT %(replace)s
    ) AS found
    ORDER BY line, problem
    LIMIT %(most)s
"""


class Staging:
    """Takes the rows of a file into Postgres, piece by piece."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upload = uuid4()
        self._lines: list[str] = []
        self._size = 0
        self.rows = 0

    async def add(self, rows: Sequence[Row], secrets: Sequence[PreparedSecret | None]) -> None:
        """Add rows, each with its secret."""
        lines = [
            f"{self._upload}\t{copy_line(row, secret)}"
            for row, secret in zip(rows, secrets, strict=True)
        ]
        self.rows += len(lines)
        self._lines += lines
        self._size += sum(map(len, lines))
        if self._size > _COPY_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Send what is left."""
        async with (
            self._database.connection() as connection,
            connection.cursor() as cursor,
            cursor.copy(_COPY) as copy,
        ):
            await copy.write("".join(self._lines))
        self._lines.clear()
        self._size = 0

    async def gather(self, connection: Connection) -> None:
        """Make the table of the transaction, of all that was added."""
        await connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'".encode())
        await connection.execute(_GATHER, {"upload": self._upload})
        # Without ANALYZE, the planner joins 25,000 rows as if they were a handful.
        await connection.execute("ANALYZE import_rows")

    async def discard(self) -> None:
        """Remove the rows; if Postgres is away, a later import does it."""
        with contextlib.suppress(PostgresUnavailableError):
            async with self._database.connection() as connection:
                await connection.execute(_DISCARD, {"upload": self._upload})


def copy_line(row: Row, secret: PreparedSecret | None) -> str:
    """Return a row in the format of COPY.

    https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"
    """
    line = (
        f"{row.line}\t{row.kind.value}\t{row.id}\t{_cell(row.label)}\t{_cell(row.location)}"
        f"\t{_cell(row.booth)}\t{_cell(row.widget)}"
    )
    if secret is None:
        return line + _NOTHING_TO_HASH
    return f"{line}\t{secret.hash}\t{secret.digest}\t{secret.key_fingerprint}\n"


def _cell(text: str | None) -> str:
    # Nothing else needs escaping: there are no control characters in it.
    return r"\N" if text is None else text.replace("\\", r"\\")


async def check(connection: Connection, mistakes: Mistakes, *, replace: bool) -> None:
    """Check that the staged rows can be imported; ``mistakes`` are those found before.

    Raises:
        ImportRefusedError: There are mistakes.
    """
    values = {"replace": replace, "most": MAX_SHOWN}
    found = await (await connection.execute(_MISTAKES, values)).fetchall()
    total = found[0][-1] if found else 0
    every = mistakes.merge([_mistake(_Conflict(*row[:-1])) for row in found], total)
    if every.total:
        raise every.refusal()


class _Conflict(NamedTuple):
    """A row that cannot be imported, because of another device or row."""

    line: int
    kind: str
    id: str
    widget: str
    problem: str
    other: str | None
    """The id of the other one; or the booth that is not there."""
    other_line: int | None


_OR_REPLACE: Final = "or import with ?replace=true (on the command line --replace)"
_MAKE_IT: Final = (
    "make it first, or import with ?create_booths=true (on the command line --create-booths)"
)
_PROBLEMS: Final = {
    "again": "the {0.kind} {0.id} is on line {0.other_line} already",
    "wanted": "{0.widget} is paired with {0.other} on line {0.other_line}",
    "unknown": "no widget {0.widget} is registered, nor in this file: add a line for it",
    "no charger": "{0.id} is a connector of {0.other}, which is not registered, nor in this file: "
    "add a line for it",
    "canary": "the {0.kind} {0.id} is a canary, or its widget is: the hub's own are in no file",
    "charger is paired": "{0.id} is paired with the widget {0.other}; unpair first, " + _OR_REPLACE,
    "widget is paired": "{0.widget} is paired with the charger {0.other}; unpair first, "
    + _OR_REPLACE,
    "visitor has it": "a visitor has {0.widget}, whose phone is in {0.other}; have it collected "
    "first, " + _OR_REPLACE,
}


def _mistake(found: _Conflict) -> Mistake:
    about = {
        name: value
        for name, value in found._asdict().items()
        if name not in {"line", "kind", "problem"} and value
    }
    code = found.problem.replace(" ", "-")
    if found.problem == "no booth":
        problem = f"there is no booth {quote(found.other or '')}; {_MAKE_IT}"
        return Mistake(found.line, "booth", problem, code, about)
    problem = _PROBLEMS[found.problem].format(found)
    if found.problem == "unknown" and found.other is not None:
        problem += f"; there is {found.other} (capitals matter)"
    is_about_id = found.problem in {"again", "no charger"}
    return Mistake(found.line, "id" if is_about_id else "widget", problem, code, about)
