"""What the registry asks Postgres for covers what its migrations make."""

import re

from services.registry.postgres.migrate import load
from services.registry.postgres.schema_check import NEEDED


def test_every_table_is_looked_for() -> None:
    made = {
        name
        for migration in load()
        for name in re.findall(r"^CREATE (?:UNLOGGED )?TABLE (\w+)", migration.text, re.MULTILINE)
    }
    assert made | {"schema_migrations"} == set(NEEDED)
