"""Exit codes, the key, and what holds for all commands."""

import json
from pathlib import Path

import httpx
import pytest
import typer
from typer.main import get_command

from services.cli import main
from services.cli.api import Api
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry, problem


def groups_and_commands() -> list[list[str]]:
    """All that `--help` can be said to, as it is typed."""

    def below(command: object, words: list[str]) -> list[list[str]]:
        found = [words]
        for name, inner in getattr(command, "commands", {}).items():
            found += below(inner, [*words, name])
        return found

    return below(get_command(main.app), [])


# Exit codes.


def test_done_is_0(run: Run) -> None:
    assert run("whoami").code == 0


def test_refused_is_1(run: Run, registry: FakeRegistry) -> None:
    registry.answers(problem(404, "no charger with the id 'c1' is registered"))
    ran = run("chargers", "show", "c1")
    assert (ran.code, ran.output) == (1, "")
    assert ran.errors == "refused: no charger with the id 'c1' is registered\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chargers", "shwo", "c1"], "No such command 'shwo'"),
        (["chargers", "show"], "Missing argument 'ID'"),
        (["chargers", "list", "--mots", "3"], "No such option"),
        (["chargers", "list", "--most", "0"], "greater than or equal to 1"),
        (["state", "--status", "red"], "'charging', 'charging80', 'charged'"),
        (["audit", "--since", "yesterday"], "'yesterday' is no time"),
        (["keys", "create", "anna", "boss"], "'viewer', 'operator', 'admin'"),
        (["chargers", "secret", "generate", "c1", "--overlap-hours", "721"], "equal to 720"),
        (["rentals", "show", "c1"], "UUID"),
        (["export", "--kind", "chargers"], "'charger', 'widget'"),
        (["--url", "registry:3300", "whoami"], "no HTTP URL"),
        (["--key", "clk_a_b", "whoami"], "No such option"),
    ],
)
def test_wrong_use_is_2_and_asks_nobody(
    run: Run, registry: FakeRegistry, arguments: list[str], says: str
) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.output, registry.requests) == (2, "", [])
    assert ran.explains(says)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        problem(503, "Postgres is away."),
        httpx.Response(200, text="hi"),
    ],
)
def test_no_registry_that_answers_is_3(
    run: Run, registry: FakeRegistry, answer: httpx.Response | httpx.TransportError
) -> None:
    registry.answers(answer)
    ran = run("chargers", "show", "c1")
    assert (ran.code, ran.output) == (3, "")
    assert len(ran.errors.splitlines()) == 1


def test_ctrl_c_is_130_and_needs_no_words(run: Run, registry: FakeRegistry) -> None:
    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    registry.answers(interrupt)
    ran = run("chargers", "show", "c1")
    assert (ran.code, ran.output, ran.errors.strip()) == (130, "", "")


def test_the_exit_codes_are_part_of_the_help(run: Run) -> None:
    assert "0 done, 1 refused, 2 wrong use, 3 no registry answers" in " ".join(
        run("--help").output.split()
    )


def test_what_somebody_else_says_does_nothing_to_a_terminal(
    run: Run, registry: FakeRegistry
) -> None:
    registry.answers(problem(404, "gone\x1b[2J\nhere"))
    assert run("chargers", "show", "c1").errors == "refused: gone\\x1b[2J\nhere\n"


# Help.


@pytest.mark.parametrize("words", groups_and_commands(), ids=" ".join)
def test_everything_has_help_that_is_complete(
    run: Run, registry: FakeRegistry, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = run(*words, "--help")
    assert (ran.code, registry.requests) == (0, [])
    assert "…" not in ran.output.replace("rental, …", ""), "an option's name is cut off"
    shown = " ".join(ran.output.replace("│", " ").split())
    command = get_command(main.app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{parameter.name} has no help"
    assert f"chargelight {' '.join(words)}".strip() in shown


def test_help_and_wrong_use_do_not_depend_on_the_settings(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARGELIGHT_CLI_URL", "nonsense")
    monkeypatch.setenv("CHARGELIGHT_CLI_KEY_FILE", "/nowhere/key")
    assert run("chargers", "list", "--help").code == 0
    assert run("chargers", "show", "a/b").explains("is no id")


def test_a_group_alone_shows_its_commands(run: Run) -> None:
    for words in ([], ["chargers"], ["chargers", "secret"], ["keys"]):
        ran = run(*words)
        assert ran.code == 2
        assert "Commands" in ran.output + ran.errors


# JSON.


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "chargers", "show", "c1"],
        ["chargers", "--json", "show", "c1"],
        ["chargers", "show", "c1", "--json"],
    ],
)
def test_json_may_be_asked_for_anywhere(
    run: Run, registry: FakeRegistry, arguments: list[str]
) -> None:
    registry.answers({"id": "c1", "projected": True})
    assert json.loads(run(*arguments).output) == {"id": "c1", "projected": True}


def test_after_two_dashes_json_is_no_option(run: Run, registry: FakeRegistry) -> None:
    run("chargers", "unregister", "--", "--json", "c1")
    assert list(registry.asked()) == [("DELETE", "/chargers/--json"), ("DELETE", "/chargers/c1")]


# The key.


def presented(registry: FakeRegistry) -> list[str | None]:
    return [request.headers.get("Authorization") for request in registry.requests]


def test_the_key_comes_from_the_environment(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("whoami")
    monkeypatch.setenv("CHARGELIGHT_CLI_KEY", "clk_a_b")
    run("whoami")
    assert presented(registry) == [None, "Bearer clk_a_b"]


def test_the_key_comes_from_a_file_and_that_goes_first(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHARGELIGHT_CLI_KEY", "clk_a_b")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("clk_c_d\n")
    run("--key-file", str(tmp_path / "key"), "whoami")
    monkeypatch.setenv("CHARGELIGHT_CLI_KEY_FILE", "~/key")
    run("whoami")
    assert presented(registry) == ["Bearer clk_c_d"] * 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b"\xff", "is no text"),
        (b"a b", "one word"),
    ],
)
def test_a_file_without_a_key_is_told(
    run: Run, registry: FakeRegistry, tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    ran = run("--key-file", str(file), "whoami")
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains(says)


def test_no_option_takes_a_secret() -> None:
    # Everybody on a machine can read the command lines of others.
    command = get_command(main.app)
    assert isinstance(command, typer.core.TyperGroup)
    names = {
        option
        for words in groups_and_commands()
        for parameter in _command(words).params
        for option in parameter.opts
    }
    assert {name for name in names if "key" in name or "secret" in name} == {"--key-file", "key_id"}


def _command(words: list[str]) -> typer.core.TyperCommand:
    command = get_command(main.app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]
    return command  # type: ignore[return-value]


# Settings.


def test_a_command_has_one_registry_however_often_it_asks(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Api] = []

    def make(url: str, key: str) -> Api:
        made.append(Api(url, key, registry.transport))
        return made[-1]

    monkeypatch.setattr(main, "Api", make)
    assert run("chargers", "unregister", "c1", "c2").code == 0
    assert len(made) == 1


def test_the_registry_is_where_the_environment_says(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("whoami")
    monkeypatch.setenv("CHARGELIGHT_CLI_URL", "https://booth:1/hub/")
    run("whoami")
    run("--url", "http://other", "whoami")
    assert [str(request.url) for request in registry.requests] == [
        "http://127.0.0.1:3300/whoami",
        "https://booth:1/hub/whoami",
        "http://other/whoami",
    ]
