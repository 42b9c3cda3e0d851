"""What a registry can be configured with."""

import os
from contextlib import suppress
from unittest.mock import patch
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
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


@pytest.mark.parametrize(
    ("name", "days", "least"),
    [("RENTALS", 30, 1), ("AUDIT", 365, 30), ("TOMBSTONES", 30, 30), ("HISTORY", 7, 1)],
)
def test_things_are_kept_for_days_or_for_ever_but_not_too_short(
    monkeypatch: pytest.MonkeyPatch, name: str, days: int, least: int
) -> None:
    variable, field = f"CHARGELIGHT_REGISTRY_KEEP_{name}_DAYS", f"keep_{name.lower()}_days"
    assert getattr(RegistrySettings.load(), field) == days
    for text, kept in ((str(least), least), ("36500", 36_500), ("forever", None)):
        monkeypatch.setenv(variable, text)
        assert getattr(RegistrySettings.load(), field) == kept
    for text in (str(least - 1), "-1", "36501", "1.5", "for ever", "", "None"):
        monkeypatch.setenv(variable, text)
        with pytest.raises(WrongSettingsError, match=f"{variable} .*: {least} to 36500, or foreve"):
            RegistrySettings.load()


def test_the_connection_string_shows_up_nowhere() -> None:
    settings = RegistrySettings(postgres_dsn=SecretStr("postgresql://me:opensesame@db/x"))
    assert "opensesame" not in repr(settings) + str(describe(settings)) + str(settings.model_dump())


DSN = "postgresql://me:opensesame@db"


@pytest.mark.parametrize(
    "dsn",
    [
        *("", "opensesame", "postgresql://me:opensesame@[/x", "a=opensesame", f"{DSN}:99999/x"),
        *(f"{DSN}:0/x", f"{DSN}:5432,b:99999/x", "host=db port=99999 password=opensesame"),
        *(f"{DSN}/x?{each}" for each in ("bogus=1", "sslmode=on", "connect_timeout=soon")),
        *(f"{DSN}/x?{each}" for each in ("keepalives_idle=x", "target_session_attrs=any,", "%")),
        *(f"mysql{DSN[10:]}/x", f"postgresql+asyncpg{DSN[10:]}/x", f"{DSN}/x\n"),
    ],
)
def test_what_is_no_connection_string_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    monkeypatch.setenv("CHARGELIGHT_POSTGRES_DSN", dsn)
    with pytest.raises(WrongSettingsError) as refused:
        RegistrySettings.load()
    assert "CHARGELIGHT_POSTGRES_DSN" in str(refused.value)
    assert "opensesame" not in str(refused.value)


MARKS = ("Zq7w", "Kx9v")
"""Parts of passwords that no text has by chance."""
CHARACTERS = st.sampled_from("/?#[]@:%,&=+ \\'\"\n\u2100") | st.characters(
    exclude_characters="\0", exclude_categories=["Cs"]
)


@given(st.lists(st.sampled_from([*MARKS, "%41", "5432"]) | CHARACTERS).map("".join))
@example("Zq7w/Kx9v")
@example("12/Zq7w")
@example("Zq7w@Kx9v")
def test_a_password_arrives_at_postgres_as_it_is_meant_or_the_url_is_refused(password: str) -> None:
    dsn = f"postgresql://me:{password}@db:5432/x"
    with patch.dict(os.environ, {"CHARGELIGHT_POSTGRES_DSN": dsn}):
        with suppress(WrongSettingsError):
            RegistrySettings.load()
            read = conninfo_to_dict(connection_string(dsn, "registry-1"))
            assert read.get("password", "") == unquote(password)
            assert (read["host"], read["port"], read["dbname"]) == ("db", "5432", "x")
            return
        with pytest.raises(WrongSettingsError, match="CHARGELIGHT_POSTGRES_DSN is not valid") as no:
            RegistrySettings.load()
        assert not [mark for mark in MARKS if mark in str(no.value)]


@pytest.mark.parametrize(
    "dsn",
    [
        *("postgresql://me:p%40ss@a:1,b:2/x?sslmode=require", "postgres:///x?host=/run/postgresql"),
        *("host=db password='a://b c' connect_timeout=5", f"{DSN}/x?hostaddr=10.1.2.3"),
    ],
)
def test_what_postgres_understands_is_taken(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("CHARGELIGHT_POSTGRES_DSN", dsn)
    assert RegistrySettings.load().postgres_dsn.get_secret_value() == dsn


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


@pytest.mark.parametrize("prefix", ["registry", "/registry/", "/", "/a//b", "/a b", "/a?b", "/%41"])
def test_a_path_prefix_of_another_form_is_refused(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("CHARGELIGHT_REGISTRY_PATH_PREFIX", prefix)
    with pytest.raises(
        WrongSettingsError, match=r"_PATH_PREFIX is not valid.* begins with a slash"
    ):
        RegistrySettings.load()


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "booth.example.org", "https://*.example.org", "https://booth.example.org/"),
        *("https://Booth.example.org", "https://booth.example.org:443", "http://10.0.0.7:80"),
        *("https://me@booth.example.org", "https://booth.example.org/page", " https://a.org"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("CHARGELIGHT_REGISTRY_ORIGINS", f'["{origin}"]')
    with pytest.raises(
        WrongSettingsError, match=r"CHARGELIGHT_REGISTRY_ORIGINS.* is not valid.*https:"
    ):
        RegistrySettings.load()


@pytest.mark.parametrize(
    "origin",
    ["https://booth.example.org", "http://10.0.0.7:8080", "http://[::1]:3000", "capacitor://app"],
)
def test_an_origin_is_taken_as_browsers_send_it(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("CHARGELIGHT_REGISTRY_ORIGINS", f'["{origin}"]')
    assert RegistrySettings.load().origins == (origin,)


def test_web_pages_are_not_let_in_and_there_is_no_prefix_by_default() -> None:
    settings = RegistrySettings.load()
    assert (settings.origins, settings.path_prefix) == ((), "")
