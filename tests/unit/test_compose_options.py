"""The options of Compose that documents may use: each Compose that is here has them."""

import subprocess
from functools import cache

import pytest

from tests.fixtures.compose_commands import FLAGS, VALUES
from tests.fixtures.compose_config import COMPOSES, Finder

_SECONDS = 60.0


@cache
def help_of(compose: tuple[str, ...], command: str) -> str:
    ran = subprocess.run(
        [*compose, *([command] if command else []), "--help"],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    return ran.stdout


def missing(compose: tuple[str, ...], command: str) -> list[str]:
    """Return the options that a command lacks."""
    words = help_of(compose, command).replace(",", " ").replace("=", " ").split()
    options = (*FLAGS[command], *VALUES.get(command, ()))
    return [option for option in options if option not in words]


@pytest.mark.parametrize("find", COMPOSES)
def test_each_compose_has_the_commands_and_options_of_the_documents(find: Finder) -> None:
    compose = find()
    if isinstance(compose, str):
        pytest.skip(compose)
    assert [command for command in FLAGS if missing(compose, command)] == []


def test_an_option_that_a_compose_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FLAGS, "logs", ("--since", "--no-such-option"))
    compose = COMPOSES[0]()
    if isinstance(compose, str):
        pytest.skip(compose)
    assert "--no-such-option" in missing(compose, "logs")
