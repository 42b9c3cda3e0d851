"""The command ``chargelight-registry``: wrong use, wrong settings, exit codes. No server runs."""

import os
import signal

import pytest

from services.registry.app import serve
from services.registry.backup.report import next_step
from services.registry.main import main
from services.registry.settings import RegistrySettings
from shared.process import logs, runtime
from shared.version import VERSION


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CHARGELIGHT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    # It would outlive the test, and write to a file that is closed then.
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    # Loggers would keep this test's standard error, and fail once it is closed.
    monkeypatch.setattr(logs, "configure", lambda **_: None)


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "said"),
    [
        (["bakcup", "x"], {}, 2, "invalid choice: 'bakcup'"),
        (["backup"], {}, 2, "required: file"),
        (["restore", "/no/such/file"], {}, 2, "/no/such/file: No such file"),
        (["backup", "x"], {"CHARGELIGHT_PARTITIONS": "many"}, 2, "CHARGELIGHT_PARTITIONS is not"),
        (["backup", "x"], {"CHARGELIGHT_REGISTRY_PROT": "1"}, 2, "CHARGELIGHT_REGISTRY_PROT is"),
        (
            ["backup", "x"],
            {"CHARGELIGHT_POSTGRES_DSN": "postgresql://me:opensesame@127.0.0.1:1/x"},
            3,
            "Postgres is away (connection failed",
        ),
        (["restore", __file__], {}, 1, "refused: this is no backup of Chargelight"),
    ],
)
def test_wrong_use_and_failures_have_their_exit_codes(  # noqa: PLR0917 - fixtures and a table
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    settings: dict[str, str],
    code: int,
    said: str,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        main(arguments)
    output, errors = capsys.readouterr()
    assert (end.value.code, output) == (code, "")
    assert said in errors
    assert "opensesame" not in errors


def test_its_version_is_the_products(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["--version"])
    assert (ending.value.code, capsys.readouterr().out) == (0, f"{VERSION}\n")


@pytest.mark.parametrize(("count", "words"), [(1, "1 difference from"), (2, "2 differences from")])
def test_what_differs_is_counted_in_words(count: int, words: str) -> None:
    assert words in next_step(count, None)


def test_without_a_command_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[object] = []

    def note(*parts: object) -> None:
        served.extend(parts)
        raise SystemExit(0)

    monkeypatch.setattr(runtime, "main", note)
    with pytest.raises(SystemExit):
        main([])
    assert served == [RegistrySettings, serve]
