"""Which migrations are applied, and which are refused."""

from pathlib import Path

import pytest

from services.registry.postgres.migrate import Migration, load, select_unapplied
from shared.process.runtime import CannotServeError

ONE, TWO = Migration("0001_one.sql", "SELECT 1"), Migration("0002_two.sql", "SELECT 2")


def test_our_own_migrations_are_numbered_without_gaps() -> None:
    assert [int(migration.name[:4]) for migration in load()] == list(range(1, len(load()) + 1))


def test_what_is_applied_is_not_pending() -> None:
    assert select_unapplied([ONE, TWO], {}) == [ONE, TWO]
    assert select_unapplied([ONE, TWO], {ONE.name: ONE.checksum}) == [TWO]
    assert select_unapplied([ONE], {ONE.name: ONE.checksum, TWO.name: TWO.checksum}) == []


def test_a_changed_file_is_refused_before_anything_is_applied() -> None:
    with pytest.raises(CannotServeError, match=r"0002_two\.sql was changed after it was applied"):
        select_unapplied([ONE, TWO], {TWO.name: ONE.checksum})


@pytest.mark.parametrize(
    "names", [["1_one.sql"], ["0001-one.sql"], ["0001_One.sql"], ["0001_a.sql", "0001_b.sql"]]
)
def test_a_file_without_a_number_of_its_own_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(CannotServeError, match="NNNN_words"):
        load(tmp_path)


def test_line_ends_do_not_change_a_migration(tmp_path: Path) -> None:
    path = tmp_path / "0001_one.sql"
    path.write_bytes(b"SELECT 1;\nSELECT 2;\n")
    (unix,) = load(tmp_path)
    path.write_bytes(b"SELECT 1;\r\nSELECT 2;\r\n")
    assert load(tmp_path) == [unix]
