"""Secrets from files: each setting that may hold one, of each service, takes ``…_FILE``."""

from pathlib import Path

import pytest

from services.registry.settings import RegistrySettings
from services.router.settings import RouterSettings
from services.simulator.environment import KEY, SECRET, WrongEnvironmentError, check_names, word_in
from shared.process.secret_files import SecretFileError, read_secret, secret_from
from shared.process.settings import Settings, WrongSettingsError
from tests.fixtures.settings_of_services import SETTINGS_OF_SERVICES

pytestmark = pytest.mark.usefixtures("clean_environment")

EXAMPLES = {
    "CHARGELIGHT_REDIS_URL": "redis://:opensesame@redis:6379/0",
    "CHARGELIGHT_POSTGRES_DSN": "postgresql://me:opensesame@postgres/hub",
    "CHARGELIGHT_POSTGRES_OWNER_DSN": "postgresql://owner:opensesame@postgres/hub",
    "CHARGELIGHT_REGISTRY_NOTIFY_CHANNELS": "ntfy://me:opensesame@ntfy.local/a\njson://other.local",
    "CHARGELIGHT_REGISTRY_WEBHOOKS": "https://example.org/opensesame http://other.example.org",
}
NEEDED = {"CHARGELIGHT_REGISTRY_WEBHOOKS": "CHARGELIGHT_REGISTRY_WEBHOOK_SECRET"}
"""A secret that another one needs."""
SECRETS = [
    (service, name)
    for service in SETTINGS_OF_SERVICES.values()
    for name in service.secret_variables()
]


def test_the_settings_that_hold_secrets_are_these() -> None:
    assert {name for _, name in SECRETS} >= {
        "CHARGELIGHT_REDIS_URL",
        "CHARGELIGHT_POSTGRES_DSN",
        "CHARGELIGHT_CREDENTIAL_KEY",
        "CHARGELIGHT_REGISTRY_ADMIN_KEY",
        "CHARGELIGHT_CANARY_KEY",
    }


@pytest.mark.parametrize(("service", "name"), SECRETS)
def test_a_secret_may_be_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: type[Settings], name: str
) -> None:
    text = EXAMPLES.get(name, "open sesame, open sesame, open sesame")
    file = tmp_path / "secret"
    file.write_text(f"{text}\n")
    monkeypatch.setenv(f"{name}_FILE", str(file))
    if name in NEEDED:
        monkeypatch.setenv(NEEDED[name], "open sesame, open sesame, open sesame")
    found = getattr(service.load(), service.secret_variables()[name])
    assert (found if isinstance(found, str) else found.get_secret_value()) == text


@pytest.mark.parametrize(("service", "name"), SECRETS)
def test_a_file_that_is_not_there_ends_the_service_with_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: type[Settings], name: str
) -> None:
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "nothing"))
    with pytest.raises(WrongSettingsError) as refused:
        service.load()
    assert str(refused.value) == (
        f"{name}_FILE: the file {tmp_path}/nothing cannot be read: No such file or directory"
    )


def test_a_weak_key_in_a_file_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("opensesame")
    monkeypatch.setenv("CHARGELIGHT_CREDENTIAL_KEY_FILE", str(file))
    with pytest.raises(WrongSettingsError) as refused:
        RegistrySettings.load()
    assert "CHARGELIGHT_CREDENTIAL_KEY is not valid" in str(refused.value)
    assert "opensesame" not in str(refused.value)


def test_a_service_skips_the_secret_files_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGELIGHT_POSTGRES_DSN_FILE", "/nothing")
    monkeypatch.setenv("CHARGELIGHT_REGISTRY_ADMIN_KEY_FILE", "/nothing")
    assert RouterSettings.load().service == "router"


def test_a_file_for_what_is_no_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGELIGHT_LOG_LEVEL_FILE", "/nothing")
    with pytest.raises(WrongSettingsError, match="CHARGELIGHT_LOG_LEVEL_FILE is not a setting"):
        RouterSettings.load()


def test_a_value_and_a_file_are_one_too_many() -> None:
    with pytest.raises(SecretFileError, match="X and X_FILE are both set"):
        secret_from({"X": "one", "X_FILE": "/run/secrets/other"}, "X")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b" \n", "is empty"), (b"\xff\xfe", "is no text"), (b"a" * 70_000, "is too long")],
)
def test_what_is_no_secret_is_not_taken_for_one(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SecretFileError, match=reason):
        read_secret(file, "X_FILE")


@pytest.mark.parametrize("name", [KEY, SECRET])
def test_the_simulator_takes_its_secrets_from_files(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("opensesame\n")
    environment = {f"{name}_FILE": str(file)}
    check_names(environment)
    assert word_in(environment, name) == "opensesame"
    with pytest.raises(WrongEnvironmentError, match="both set"):
        word_in(environment | {name: "another"}, name)


@pytest.mark.parametrize(("mode", "taken"), [(0o600, True), (0o444, True), (0o666, False)])
def test_a_file_that_every_user_may_change_is_refused(
    tmp_path: Path, mode: int, *, taken: bool
) -> None:
    file = tmp_path / "key"
    file.write_text("open sesame")
    file.chmod(mode)
    if taken:
        assert read_secret(file, "KEY_FILE") == "open sesame"
        return
    with pytest.raises(SecretFileError, match=f"may change the file.*chmod 600 {file}"):
        read_secret(file, "KEY_FILE")
