"""Exit codes, the key, and what holds for all commands."""

import json
import re
from importlib import metadata
from pathlib import Path

import httpx
import pytest
import typer
from typer.main import get_command

from services.cli import main, session
from services.cli.api import Api
from services.cli.commands import secret
from shared.version import VERSION
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


GLOBAL_OPTIONS = ["--url", "--key-file", "--profile", "--json", "--color", "--no-color"]


# Exit codes.


def test_done_is_0(run: Run) -> None:
    assert run("whoami").code == 0


def test_refused_is_1(run: Run, registry: FakeRegistry) -> None:
    registry.answers(problem(404, "no charger with the id 'c1' is registered"))
    ran = run("chargers", "show", "c1")
    assert (ran.code, ran.output) == (1, "")
    assert ran.errors == "refused: no charger with the id 'c1' is registered\n"


@pytest.mark.usefixtures("in_berlin")
def test_times_in_what_is_refused_are_in_the_zone_of_the_machine(
    run: Run, registry: FakeRegistry
) -> None:
    registry.answers(problem(409, "there is a phone in c1 since 2026-11-24T20:39:44Z"))
    assert "since 2026-11-24 21:39:44+01:00" in run("rentals", "open", "c1").errors
    assert "since 2026-11-24T20:39:44Z" in run("rentals", "open", "c1", "--json").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chargers", "shwo", "c1"], "No such command 'shwo'"),
        (["chargers", "show"], "Missing argument 'ID'"),
        (["chargers", "list", "--mots", "3"], "No such option"),
        (["chargers", "list", "--most", "0"], "'--most': it must be greater than or equal to 1"),
        (
            ["chargers", "list", "--most", "x"],
            "Invalid value for '--most': this is no whole number",
        ),
        (["chargers", "secret", "generate", "c1", "--overlap-hours", "x"], "this is no number"),
        (["state", "--status", "red"], "'--status': 'red' is not one of 'charging', 'charging80',"),
        (["audit", "--since", "tomorrow"], "'tomorrow' is no time"),
        (["keys", "create", "anna", "boss"], "'viewer', 'attendant', 'operator'"),
        (["chargers", "secret", "generate", "c1", "--overlap-hours", "721"], "equal to 720"),
        (["rentals", "show", "c1"], "is no rental's id"),
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
    assert not ran.explains("Input should")


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
    assert "<bool>" not in ran.output
    is_group_below = bool(words) and hasattr(command, "commands")
    assert all((option in ran.output) is not is_group_below for option in GLOBAL_OPTIONS)
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


# Global options.


@pytest.mark.parametrize("before", [0, 1, 2, 3], ids=["first", "in between", "later", "last"])
@pytest.mark.parametrize(
    "option",
    [
        *("--json", "--url=http://booth", "--url http://booth", "--key-file FILE", "--no-color"),
        "--profile=booth --json --url http://booth --key-file FILE --colour",
    ],
)
def test_global_options_may_be_anywhere(
    run: Run, registry: FakeRegistry, tmp_path: Path, option: str, before: int
) -> None:
    (tmp_path / "key").write_text("clk_a_b")
    (tmp_path / "chargelight").mkdir()
    (tmp_path / "chargelight/profiles.toml").write_text("[booth]\nurl = 'http://other'\n")
    registry.answers({"id": "c1", "projected": True})
    words = ["chargers", "show", "c1"]
    typed = option.replace("FILE", str(tmp_path / "key")).split()
    ran = run(*words[:before], *typed, *words[before:])
    assert (ran.code, ran.errors) == (0, "")
    (request,) = registry.requests
    assert (request.url.host == "booth") == ("--url" in option)
    assert ("Authorization" in request.headers) == ("--key-file" in option)
    if "--json" in option:
        assert json.loads(ran.output) == {"id": "c1", "projected": True}


def test_of_an_option_that_is_given_twice_the_last_counts(run: Run, registry: FakeRegistry) -> None:
    run("--url", "http://first", "--color", "whoami", "--url", "http://second", "--no-color")
    assert [request.url.host for request in registry.requests] == ["second"]


def test_a_value_that_looks_like_an_option_stays_a_value(run: Run, registry: FakeRegistry) -> None:
    run("chargers", "register", "c1", "--label", "--url")
    assert registry.bodies() == [{"label": "--url"}]


def test_a_global_option_has_no_value_by_mistake(run: Run, registry: FakeRegistry) -> None:
    ran = run("whoami", "--url")
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("--url", "requires an argument")


def test_after_two_dashes_json_is_no_option(run: Run, registry: FakeRegistry) -> None:
    run("chargers", "unregister", "--", "--json", "c1")
    assert list(registry.asked()) == [("DELETE", "/chargers/--json"), ("DELETE", "/chargers/c1")]


@pytest.mark.parametrize(
    ("answer", "code", "problem_"),
    [
        (
            problem(409, "w1 is paired", charger="c2"),
            1,
            {"title": "No", "status": 409, "detail": "w1 is paired", "charger": "c2"},
        ),
        (problem(503, "Postgres is away"), 3, {"status": 503, "detail": "Postgres is away"}),
        (httpx.Response(500, json={"a": 1}), 1, {"type": "urn:chargelight:problem:refused"}),
        (httpx.ConnectError("x"), 3, {"type": "urn:chargelight:problem:unreachable"}),
    ],
)
def test_with_json_a_refusal_is_a_problem_on_standard_output(
    run: Run,
    registry: FakeRegistry,
    answer: httpx.Response | httpx.TransportError,
    code: int,
    problem_: dict[str, object],
) -> None:
    registry.answers(answer)
    ran = run("pairings", "pair", "c1", "w1", "--json")
    assert (ran.code, ran.errors) == (code, "")
    said = json.loads(ran.output)
    assert said == {**said, **problem_}
    assert {"type", "title", "detail"} <= set(said)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chargers", "shwo"], "No such command 'shwo'. Did you mean 'show'?"),
        (["chargers", "show", "a/b"], "Invalid value for 'ID': 'a/b' is no id"),
        (["chargers", "--url", "nonsense", "list"], "--url says is no HTTP URL"),
        (["rentals"], "Missing command"),
        ([], "Missing command"),
    ],
)
def test_with_json_wrong_use_is_a_problem_too(
    run: Run, registry: FakeRegistry, arguments: list[str], says: str
) -> None:
    ran = run(*arguments, "--json")
    assert (ran.code, ran.errors, registry.requests) == (2, "", [])
    said = json.loads(ran.output)
    assert said["type"] == "urn:chargelight:problem:wrong-use"
    assert says in said["detail"]


def test_with_json_ctrl_c_and_help_end_as_without(run: Run, registry: FakeRegistry) -> None:
    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    registry.answers(interrupt)
    ran = run("--json", "whoami")
    assert (ran.code, ran.output) == (130, "")
    assert run("--json", "whoami", "--help").code == 0


@pytest.mark.parametrize("way", [[], ["--json"]])
def test_a_question_that_is_not_answered_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, way: list[str]
) -> None:
    def end_of_file() -> str:
        raise typer.Abort

    monkeypatch.setattr(secret, "_read_secret", end_of_file)
    ran = run("chargers", "secret", "set", "c1", *way)
    assert ran.code == 1
    assert (json.loads(ran.output)["detail"] if way else ran.errors) != ""


# The version.


def test_the_versions_of_both_are_told(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"openapi": "3.1.0", "info": {"title": "x", "version": "9.8.7"}})
    assert run("--version").output.split() == ["chargelight", VERSION, "registry", "9.8.7"]
    assert json.loads(run("--version", "--json").output) == {
        "chargelight": VERSION,
        "registry": "9.8.7",
    }
    assert set(registry.asked()) == {("GET", "/openapi.json")}


@pytest.mark.parametrize(
    "answer",
    [httpx.ConnectError("x"), httpx.Response(200, json={}), httpx.Response(200, json={"info": {}})],
)
def test_its_own_version_needs_no_registry(
    run: Run, registry: FakeRegistry, answer: httpx.Response | httpx.TransportError
) -> None:
    registry.answers(answer)
    ran = run("--version")
    assert (ran.code, ran.output.split()) == (0, ["chargelight", VERSION, "registry", "-"])
    assert "registry" in ran.errors


def test_its_own_version_needs_no_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGELIGHT_CLI_ULR", "x")
    ran = run("--version")
    assert (ran.code, ran.explains("is not a setting")) == (0, True)
    assert VERSION in ran.output


def test_the_version_is_that_of_the_package() -> None:
    assert metadata.version("chargelight") == VERSION


# Completion.


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", {"state", "chargers", "rentals", "audit"}),
        ("chargers ", {"list", "register", "unregister", "secret"}),
        ("state --", {"--status", "--watch", "--url", "--json"}),
        ("--profile ", {"default", "main-stage"}),
        ("state --profile m", {"main-stage"}),
        ("state --status ", {"charging", "charging80", "charged"}),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_what_is_typed(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: str,
    *,
    typed: str,
    offered: set[str],
) -> None:
    (tmp_path / "chargelight").mkdir()
    (tmp_path / "chargelight/profiles.toml").write_text("[default]\n[main-stage]\n")
    line = f"chargelight {typed}"
    monkeypatch.setenv("_CHARGELIGHT_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    ran = run()
    assert (ran.code, ran.errors) == (0, "")
    assert offered <= set(re.findall(r"[\w-]+", ran.output))


# Colours.


@pytest.mark.parametrize(
    ("options", "variables", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color"], {}, True),
        (["--colour"], {"NO_COLOR": "1"}, True),
        (["--no-color"], {"FORCE_COLOR": "1"}, False),
        (["--no-colour"], {}, False),
    ],
)
def test_colours_are_as_asked_for_and_none_on_a_pipe(
    run: Run,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    *,
    options: list[str],
    variables: dict[str, str],
    coloured: bool,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    registry.answers({"items": [{"id": "c1", "status": {"status": "charging80"}}], "next": None})
    assert ("\x1b[33mcharging80" in run("state", *options).output) is coloured


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

    def make(url: str, key: str, **_more: bool) -> Api:
        made.append(Api(url, key, registry.transport))
        return made[-1]

    monkeypatch.setattr(session, "Api", make)
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
