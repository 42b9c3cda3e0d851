"""Which registry is asked with which key: options, variables, profiles."""

import os
from pathlib import Path

import pytest

from services.cli.profiles import complete_profile
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry, problem

PROFILES = """
[default]
url = "http://default"

[main-stage]
url = "https://hub.example/"
key = "clk_main_stage"

[tower]
key_file = "~/tower.key"
"""


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with profiles; its key file is there too."""
    file = tmp_path / "chargelight" / "profiles.toml"
    file.parent.mkdir()
    file.write_text(PROFILES)
    file.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "tower.key").write_text("clk_tower\n")
    return file


def asked(registry: FakeRegistry) -> tuple[str, str | None]:
    request = registry.requests[-1]
    return str(request.url).removesuffix("/whoami"), request.headers.get("Authorization")


LOCAL = "http://127.0.0.1:3300"
MAIN_STAGE = ("https://hub.example", "Bearer clk_main_stage")


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("options", "variables", "reached"),
    [
        ("", {}, ("http://default", None)),
        ("--profile main-stage", {}, MAIN_STAGE),
        ("", {"PROFILE": "main-stage"}, MAIN_STAGE),
        ("--profile tower", {}, (LOCAL, "Bearer clk_tower")),
        ("--profile tower", {"PROFILE": "main-stage"}, (LOCAL, "Bearer clk_tower")),
        ("", {"URL": "http://env", "KEY": "clk_env"}, ("http://env", "Bearer clk_env")),
        ("--url http://typed", {"URL": "http://env"}, ("http://typed", None)),
        ("", {"PROFILE": "main-stage", "KEY": "clk_env"}, (MAIN_STAGE[0], "Bearer clk_env")),
        # What is typed goes before the environment, a profile too.
        ("--profile main-stage", {"URL": "http://env", "KEY": "clk_env"}, MAIN_STAGE),
        # A profile's key is for its own registry.
        ("--profile main-stage --url http://other", {}, ("http://other", None)),
        ("", {"PROFILE": "main-stage", "URL": "http://env"}, ("http://env", None)),
        ("--profile main-stage --url https://hub.example", {}, MAIN_STAGE),
        ("", {"URL": "", "KEY": "", "PROFILE": "", "KEY_FILE": ""}, ("http://default", None)),
    ],
)
def test_an_option_goes_before_the_environment_and_that_before_a_profile(
    run: Run,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    *,
    options: str,
    variables: dict[str, str],
    reached: tuple[str, str | None],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"CHARGELIGHT_CLI_{name}", value)
    assert run("whoami", *options.split()).code == 0
    assert asked(registry) == reached


@pytest.mark.usefixtures("profiles")
def test_a_key_that_was_not_sent_because_of_the_url_is_told(
    run: Run, registry: FakeRegistry
) -> None:
    registry.answers(problem(401, "present an API key"))
    typed = run("whoami", "--profile", "main-stage", "--url", "http://other")
    assert typed.explains("The profile's key was not sent: it is for the profile's own URL")
    assert "was not sent" not in run("whoami", "--url", "http://other").errors


def test_without_a_file_there_are_no_profiles(run: Run, registry: FakeRegistry) -> None:
    assert run("whoami").code == 0
    assert asked(registry) == (LOCAL, None)
    ran = run("--profile", "tower", "whoami")
    assert (ran.code, len(registry.requests)) == (2, 1)
    assert ran.explains("there is no profile 'tower'", "profiles.toml", "Known are: none")


@pytest.mark.parametrize("home", ["/dev/null", "/nowhere"])
def test_whoever_has_no_home_has_no_profiles(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", home)
    assert run("whoami").code == 0
    assert asked(registry) == (LOCAL, None)


def test_a_file_that_cannot_be_read_is_told(run: Run, profiles: Path) -> None:
    profiles.unlink()
    profiles.mkdir()
    ran = run("whoami")
    assert (ran.code, ran.explains("profiles.toml cannot be read")) == (2, True)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_with_a_key_is_for_nobody_else(
    run: Run, registry: FakeRegistry, profiles: Path, mode: int
) -> None:
    profiles.chmod(mode)
    ran = run("whoami")
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("holds a key", f"chmod 600 {profiles}")
    profiles.write_text(PROFILES.replace("key = ", "key_file = "))
    assert run("whoami").code == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[default", "is no TOML"),
        ("[default]\nulr = 'geheim'", "profile default: ulr is unknown. Did you mean url?"),
        ("[default]\nport = 'geheim'", "port is unknown. Known are: key, key_file, url"),
        ("url = 'geheim'", "url stands in no profile. One begins with [default]"),
        ("[default]\nkey = 7", "key must be a text in quotes"),
        ("[default]\nkey = ''", "key must be a text in quotes"),
        ("[default]\nkey = 'geheim'\nkey_file = 'k'", "give key or key_file, not both"),
        ("[main-stage]", "there is no profile 'main-stag' in"),
        ("[main-stage]", "Did you mean main-stage?"),
    ],
)
def test_a_mistake_in_the_file_is_told_and_no_value(
    run: Run, registry: FakeRegistry, profiles: Path, content: str, says: str
) -> None:
    profiles.write_text(content)
    ran = run("whoami", *(["--profile", "main-stag"] if "main" in says else []))
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains(says)
    assert "geheim" not in ran.errors


def test_names_of_profiles_can_be_completed(run: Run, profiles: Path) -> None:
    del run
    assert complete_profile() == ["default", "main-stage", "tower"]
    profiles.write_text("[")
    assert complete_profile() == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("CHARGELIGHT_CLI_ULR", "Did you mean CHARGELIGHT_CLI_URL?"),
        ("CHARGELIGHT_CLI_URl", "Did you mean CHARGELIGHT_CLI_URL?"),
        ("CHARGELIGHT_CLI_KEYFILE", "Did you mean CHARGELIGHT_CLI_KEY_FILE?"),
        ("CHARGELIGHT_CLI_TIMEOUT_SECONDS", "Known are: CHARGELIGHT_CLI_KEY, "),
    ],
)
def test_a_variable_that_is_none_is_refused(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setenv(name, "geheim")
    ran = run("whoami")
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains(f"{name} is not a setting", says)
    assert "geheim" not in ran.errors


def test_variables_of_services_are_none_of_its_business(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARGELIGHT_REDIS_URL", "redis://127.0.0.1")
    monkeypatch.setenv("CHARGELIGHT_GATEWAY_HOST", "::")
    assert run("whoami").code == 0
    assert "CHARGELIGHT_REDIS_URL" in os.environ
