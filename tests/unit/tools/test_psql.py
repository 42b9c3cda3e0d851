"""The psql command that is printed for a server."""

from pathlib import Path

import pytest

from tools.servers.postgres.psql import psql


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:secret@host:1/hub",
        "host=host port=1 user=me password=secret dbname=hub",
    ],
)
def test_a_password_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    (tmp_path / "psql").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    words = psql(dsn).replace("'", "").split()
    assert words[0] == "psql"
    assert sorted(words[1:]) == ["dbname=hub", "host=host", "port=1", "user=me"]
