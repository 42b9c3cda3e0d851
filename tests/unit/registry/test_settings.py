"""What a registry can be configured with."""

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from services.registry.postgres.database import connection_string
from services.registry.settings import RegistrySettings
from shared.process.runtime import describe
from shared.process.settings import WrongSettingsError


@pytest.fixture(autouse=True)
def _no_settings_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RegistrySettings.variables():
        monkeypatch.delenv(name, raising=False)


def test_the_defaults_are_those_of_the_compose_file() -> None:
    settings = RegistrySettings.load()
    assert (settings.port, settings.health_port) == (3300, 3103)
    assert settings.full_projection_seconds == 300


def test_the_connection_string_shows_up_nowhere() -> None:
    settings = RegistrySettings(postgres_dsn=SecretStr("postgresql://me:opensesame@db/x"))
    assert "opensesame" not in repr(settings) + str(describe(settings)) + str(settings.model_dump())


@pytest.mark.parametrize("dsn", ["opensesame", "postgresql://me:opensesame@[/x", "a=opensesame"])
def test_what_is_no_connection_string_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    monkeypatch.setenv("CHARGELIGHT_POSTGRES_DSN", dsn)
    with pytest.raises(WrongSettingsError) as refused:
        RegistrySettings.load()
    assert "CHARGELIGHT_POSTGRES_DSN" in str(refused.value)
    assert "opensesame" not in str(refused.value)


def test_what_a_connection_string_says_itself_stays() -> None:
    completed = conninfo_to_dict(
        connection_string("postgresql://me@db/x?connect_timeout=9", "registry-1")
    )
    assert completed["connect_timeout"] == "9"
    assert completed["application_name"] == "registry-1"
    assert completed["tcp_user_timeout"] == "5000"


@pytest.mark.parametrize("key", ["s3cret", "x" * 31, "x" * 32 + "\n", "\xe4" * 32])
def test_a_credential_key_that_is_too_weak_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("CHARGELIGHT_CREDENTIAL_KEY", key)
    with pytest.raises(WrongSettingsError) as refused:
        RegistrySettings.load()
    assert "CHARGELIGHT_CREDENTIAL_KEY is not valid" in str(refused.value)
    assert "openssl rand -hex 32" in str(refused.value)
    assert key not in str(refused.value)


def test_a_credential_key_is_the_one_that_gateways_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGELIGHT_CREDENTIAL_KEY", "opensesame" * 4)
    settings = RegistrySettings.load()
    assert settings.credential_key.get_secret_value() == "opensesame" * 4
    assert "opensesame" not in repr(settings) + str(describe(settings)) + str(settings.model_dump())
