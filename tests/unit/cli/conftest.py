"""The command line inside the test: typed arguments in; output, errors and exit code out."""

import functools
import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.cli import main, session
from services.cli.api import Api
from tests.unit.cli.fake_registry import FakeRegistry


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    output: str
    errors: str

    def explains(self, *words: str) -> bool:
        """Whether it says that on standard error, whatever boxes and line ends are between."""
        said = " ".join(self.errors.replace("│", " ").split())
        return all(word in said for word in words) and "Traceback" not in self.errors


Run = Callable[..., Ran]


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def run(
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """Run the command line against the fake registry, with nothing on standard input."""
    for name in [name for name in os.environ if name.startswith("CHARGELIGHT_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR"):  # an option sets them: they must be put back
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(session, "Api", functools.partial(Api, transport=registry.transport))

    def run_(*arguments: str, given: bytes = b"") -> Ran:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8"))
        with pytest.raises(SystemExit) as ending:
            main.main(arguments)
        code = ending.value.code
        assert isinstance(code, int)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is not UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()
