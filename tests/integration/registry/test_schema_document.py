"""docs/schema.md shows the tables as they are."""

import re
from pathlib import Path

from tests.integration.registry.conftest import By

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/schema.md"

_COLUMNS = """
    SELECT table_name,
           coalesce(domain_name, CASE data_type
               WHEN 'timestamp with time zone' THEN 'timestamptz' ELSE data_type END),
           column_name
    FROM information_schema.columns
    WHERE table_schema = current_schema()
    ORDER BY table_name, ordinal_position
"""


def _documented() -> dict[str, list[tuple[str, str]]]:
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return {
        table: re.findall(r"^ +(\w+) (\w+)", columns, re.MULTILINE)
        for table, columns in re.findall(
            r"^    (\w+) \{\n(.*?)^    \}", diagram, re.MULTILINE | re.DOTALL
        )
    }


async def test_the_diagram_has_each_table_with_each_column(by_hand: By) -> None:
    cursor = await by_hand.execute(_COLUMNS)
    found: dict[str, list[tuple[str, str]]] = {}
    for table, kind, column in await cursor.fetchall():
        found.setdefault(table, []).append((kind, column))
    assert _documented() == found
