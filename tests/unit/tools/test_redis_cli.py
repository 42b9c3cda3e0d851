"""The redis-cli command that is printed for a server."""

from pathlib import Path

import pytest

from tools.servers.redis import redis_cli as module
from tools.servers.redis.redis_cli import redis_cli
from tools.servers.wheels import NoServerError, Wheel


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def _install(path: Path, name: str) -> None:
    (path / name).write_text("#!/bin/sh\n")
    (path / name).chmod(0o755)


@pytest.mark.parametrize("name", ["redis-cli", "valkey-cli"])
def test_the_program_on_the_path_is_used(path: Path, name: str) -> None:
    _install(path, name)
    assert redis_cli("redis://127.0.0.1:1/0") == f"{name} -u redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("redis://:secret@host:1/0", "-u redis://host:1/0"),
        ("rediss://me:secret@host:1", "-u rediss://host:1 --user me"),
    ],
)
def test_a_password_is_not_printed(path: Path, url: str, arguments: str) -> None:
    _install(path, "redis-cli")
    assert redis_cli(url) == f"redis-cli {arguments}"


@pytest.mark.usefixtures("path")
def test_where_there_is_none_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_wheel(_wheel: Wheel) -> None:
        raise NoServerError

    monkeypatch.setattr(module, "unpack", no_wheel)
    assert redis_cli("redis://127.0.0.1:1/0") == "redis-cli -u redis://127.0.0.1:1/0"
    assert "apt-get install redis-tools" in capsys.readouterr().err
