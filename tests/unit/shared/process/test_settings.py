"""Settings: a typo is refused with a hint, a wrong value is named and never shown."""

import contextlib
import io
import os
import re
from typing import ClassVar
from unittest.mock import patch
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.gateway.settings import GatewaySettings
from services.registry.settings import RegistrySettings
from services.router.settings import RouterSettings
from shared.bus.connection import RedisConnection
from shared.process.runtime import EXIT_WRONG_SETTINGS, main
from shared.process.settings import OPEN, Port, Seconds, Settings, WrongSettingsError


class BoothSettings(Settings):
    """Settings as a service has them; borrows a prefix that exists."""

    service: ClassVar[str] = "router"
    model_config = SettingsConfigDict(env_prefix="CHARGELIGHT_ROUTER_")

    port: Port = Field(default=3100, description="Where to listen")
    pause: Seconds = Field(default=5, description="How long to wait")
    names: tuple[str, ...] = Field(default=(), description="As a JSON list")


pytestmark = pytest.mark.usefixtures("clean_environment")


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Return what a service says that is started with these variables."""
    for name, value in variables.items():
        monkeypatch.setenv(f"CHARGELIGHT_{name}", value)
    with pytest.raises(WrongSettingsError) as caught:
        BoothSettings.load()
    return str(caught.value)


def test_without_an_environment_the_defaults_hold() -> None:
    settings = BoothSettings.load()
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.partitions == 64
    assert settings.log_level == "info"
    assert settings.log_format == "auto"
    assert settings.port == 3100


@pytest.mark.parametrize("settings_type", [GatewaySettings, RouterSettings, RegistrySettings])
def test_every_service_starts_without_a_single_variable(settings_type: type[Settings]) -> None:
    assert settings_type.load().service == settings_type.service


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGELIGHT_REDIS_URL", "rediss://redis:6380/1")
    monkeypatch.setenv("CHARGELIGHT_ROUTER_PORT", "4000")
    monkeypatch.setenv("CHARGELIGHT_INSTANCE_ID", "booth-1")
    monkeypatch.setenv("CHARGELIGHT_ROUTER_NAMES", '["a","b"]')
    settings = BoothSettings.load()
    assert settings.redis_url == "rediss://redis:6380/1"
    assert settings.port == 4000
    assert settings.instance_id == "booth-1"
    assert settings.names == ("a", "b")


def test_instances_get_names_of_their_own() -> None:
    names = {BoothSettings.load().instance_id for _ in range(10)}
    assert len(names) == 10
    assert all(re.fullmatch(r"router-[A-Za-z0-9]*-[0-9a-f]{6}", name) for name in names)


def test_settings_do_not_change() -> None:
    settings = BoothSettings.load()
    with pytest.raises(Exception, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PARTITION", "Did you mean CHARGELIGHT_PARTITIONS?"),
        ("REDISURL", "Did you mean CHARGELIGHT_REDIS_URL?"),
        ("ROUTER_PROT", "Did you mean CHARGELIGHT_ROUTER_PORT?"),
        ("PORT", "Did you mean CHARGELIGHT_ROUTER_PORT?"),
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    assert refusal(monkeypatch, **{name: "1"}) == f"CHARGELIGHT_{name} is not a setting. {hint}"


def test_a_name_that_is_like_none_gets_the_list_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, ZZZ="1")
    assert all(name in text for name in BoothSettings.variables())
    # Nor does a name of its own count that does not exist.
    assert "CHARGELIGHT_ROUTER_PARTITIONS is not" in refusal(monkeypatch, ROUTER_PARTITIONS="8")


def test_the_names_of_other_services_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "CHARGELIGHT_GATEWAY_WHATEVER",
        "CHARGELIGHT_REGISTRY_PORT",
        "CHARGELIGHT_SIMULATOR_X",
        "CHARGELIGHT_TEST_X",
        "CHARGELIGHT_COMPOSE_X",
        "CHARGELIGHT_POSTGRES_DSN",
        "UNRELATED",
        "CHARGELIGHTER",
    ):
        monkeypatch.setenv(name, "anything")
    assert BoothSettings.load().port == 3100


@pytest.mark.parametrize("settings_type", [GatewaySettings, RouterSettings, RegistrySettings])
def test_one_environment_serves_all_services(
    monkeypatch: pytest.MonkeyPatch, settings_type: type[Settings]
) -> None:
    monkeypatch.setenv("CHARGELIGHT_GATEWAY_CHARGER_PORT", "4100")
    monkeypatch.setenv("CHARGELIGHT_ROUTER_HEALTH_PORT", "4102")
    monkeypatch.setenv("CHARGELIGHT_REGISTRY_PORT", "4300")
    monkeypatch.setenv("CHARGELIGHT_POSTGRES_DSN", "postgresql://a:b@c/d")
    settings_type.load()


SECRET = "s3cret-value"


SETTINGS = ["REDIS_URL", "PARTITIONS", "LOG_LEVEL", "LOG_FORMAT"]


@pytest.mark.parametrize("name", [*SETTINGS, "ROUTER_PORT", "ROUTER_PAUSE", "ROUTER_NAMES"])
def test_a_wrong_value_names_its_variable_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text = refusal(monkeypatch, **{name: SECRET})
    assert text.startswith(f"CHARGELIGHT_{name} is not valid: ")
    assert BoothSettings.variables()[f"CHARGELIGHT_{name}"] in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PARTITIONS", value) for value in ("0", "1025", "", "1.5")),
        *(("ROUTER_PORT", value) for value in ("-1", "65536")),
        *(("ROUTER_PAUSE", value) for value in ("0", "nan", "inf", "3601")),
        *(("INSTANCE_ID", value) for value in ("a b", "a\n", "x" * 65)),
        *(
            ("REDIS_URL", value)
            for value in (
                *("", "http://redis", "redis:redis", "redis://", "redis://:6379", "redis://r\n"),
                *("redis://r:99999", "redis://r:0", "redis://r:six", "redis://r1:1,r2:99999"),
                *("redis://r/name", "redis://r/1/2", "redis://r#1", "redis://r?db=1&db=2"),
                *("redis://r?socket_timeout=1", "redis://r?password=x", "rediss://r?sll_ciphers=x"),
                *("rediss://r?ssl_cert_reqs=some", "rediss://r?ssl_min_version=tls", "redis://r?%"),
                *("unix://run/redis.sock", "unix://", "unix:///r.sock?db=one", "rediss://r?x"),
            )
        ),
        *(
            ("ROUTER_HOST", value)
            for value in ("", "*", "[::]", "0.0.0.0:3102", "http://localhost", "a b", "-a", "::g")
        ),
        ("LOG_LEVEL", "INFO!"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert f"CHARGELIGHT_{name} is not valid" in refusal(monkeypatch, **{name: value})


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, PARTITIONS="0", LOG_LEVEL="x", NONSENSE="1").splitlines()
    assert [line.split()[0] for line in lines] == [
        "CHARGELIGHT_NONSENSE",
        "CHARGELIGHT_PARTITIONS",
        "CHARGELIGHT_LOG_LEVEL",
    ]


@pytest.mark.parametrize("settings_type", [GatewaySettings, RouterSettings, RegistrySettings])
def test_every_variable_says_what_it_is_for(settings_type: type[Settings]) -> None:
    for name, description in settings_type.variables().items():
        assert name.startswith("CHARGELIGHT_")
        assert description, f"{name} has no description"


def test_a_cluster_is_named_by_some_of_its_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGELIGHT_REDIS_URL", "rediss://me:secret@r1:6379,r2:6380")
    monkeypatch.setenv("CHARGELIGHT_REDIS_CLUSTER", "true")
    assert BoothSettings.load().redis_cluster


@pytest.mark.parametrize(
    ("url", "cluster", "words"),
    [
        ("redis://r1:6379,r2:6379", "false", "set CHARGELIGHT_REDIS_CLUSTER=true"),
        ("unix:///run/redis.sock", "true", "remove CHARGELIGHT_REDIS_CLUSTER"),
        ("redis://r1:6379/1", "true", "a cluster has only number 0"),
    ],
)
def test_an_address_that_does_not_fit_the_engine_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, cluster: str, words: str
) -> None:
    text = refusal(monkeypatch, REDIS_URL=url, REDIS_CLUSTER=cluster)
    assert words in text
    assert "CHARGELIGHT_REDIS_URL" in text
    assert url not in text


@pytest.mark.parametrize("host", ["::", "10.1.2.3", "::1", "localhost", "booth-1.lan"])
def test_a_host_is_an_address_or_a_name(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("CHARGELIGHT_ROUTER_HOST", host)
    assert BoothSettings.load().listen_address("port").host == host


BEYOND = ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "booth-1.lan"]  # noqa: S104
LOOPBACK = ["localhost", "127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"]
WITH_AUTH = [
    (GatewaySettings, "CHARGELIGHT_GATEWAY_HOST", "CHARGELIGHT_DEVICE_AUTH"),
    (RegistrySettings, "CHARGELIGHT_REGISTRY_HOST", "CHARGELIGHT_REGISTRY_OPERATOR_AUTH"),
]


@pytest.mark.parametrize(("settings_type", "host_name", "auth_name"), WITH_AUTH)
@pytest.mark.parametrize("host", BEYOND)
def test_nobody_is_let_in_from_elsewhere_without_authentication_by_oversight(
    monkeypatch: pytest.MonkeyPatch,
    settings_type: type[Settings],
    host_name: str,
    auth_name: str,
    host: str,
) -> None:
    monkeypatch.setenv(host_name, host)
    with pytest.raises(WrongSettingsError) as caught:
        settings_type.load()
    for part in (f"{host_name}={host}", f"{auth_name}=required", f"CHARGELIGHT_OPEN={OPEN}"):
        assert part in str(caught.value)
    monkeypatch.setenv("CHARGELIGHT_OPEN", OPEN)
    assert settings_type.load().host == host
    monkeypatch.delenv("CHARGELIGHT_OPEN")
    monkeypatch.setenv(auth_name, "required")
    monkeypatch.setenv("CHARGELIGHT_CREDENTIAL_KEY", "k" * 32)
    assert settings_type.load().host == host


@pytest.mark.parametrize(("settings_type", "host_name", "_auth"), WITH_AUTH)
@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_alone_needs_no_leave(
    monkeypatch: pytest.MonkeyPatch,
    settings_type: type[Settings],
    host_name: str,
    _auth: str,
    host: str,
) -> None:
    monkeypatch.setenv(host_name, host)
    assert settings_type.load().host == host


@pytest.mark.parametrize("host", BEYOND)
def test_health_needs_no_authentication(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("CHARGELIGHT_ROUTER_HOST", host)
    assert RouterSettings.load().host == host


@pytest.mark.parametrize("value", ["true", "1", "yes", "anybody"])
def test_a_hub_is_opened_in_full_words_only(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CHARGELIGHT_OPEN", value)
    with pytest.raises(WrongSettingsError, match="CHARGELIGHT_OPEN is not valid"):
        GatewaySettings.load()


def test_two_uses_of_one_port_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGELIGHT_GATEWAY_REUSE_PORT", "true")
    monkeypatch.setenv("CHARGELIGHT_GATEWAY_WIDGET_PORT", "3100")
    with pytest.raises(WrongSettingsError) as caught:
        GatewaySettings.load()
    assert "CHARGELIGHT_GATEWAY_CHARGER_PORT" in str(caught.value)
    assert "CHARGELIGHT_GATEWAY_WIDGET_PORT must differ" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "rediss://r:6379/3?ssl_ca_certs=/ca.pem&ssl_cert_reqs=optional",
        "unix:///run/redis.sock?db=2",
        "redis://user:p%40ss@[::1]:6379",
    ],
)
def test_an_address_with_all_that_redis_knows_is_taken(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CHARGELIGHT_REDIS_URL", url)
    assert BoothSettings.load().redis_url == url


MARKS = ("Zq7w", "Kx9v")
"""Parts of passwords that no text has by chance."""
CHARACTERS = st.sampled_from("/?#[]@:%,&=+ \\'\"\n\u2100\u00e4") | st.characters(
    exclude_characters="\0", exclude_categories=["Cs"]
)
PASSWORDS = st.lists(st.sampled_from([*MARKS, "%41", "6379"]) | CHARACTERS).map("".join)

IN_ITS_PLACE = ("redis://:{}@host:6379/0", "rediss://user:{}@host", "unix://:{}@/run/redis.sock")
ELSEWHERE = ("redis://u:{}@host:99999", "redis://host?{}", "redis+{}://host", "{}", "redis:{}@host")


@given(st.sampled_from(IN_ITS_PLACE), PASSWORDS)
@example(IN_ITS_PLACE[0], "Zq7w/Kx9v")
@example(IN_ITS_PLACE[0], "12/Zq7w")
@example(IN_ITS_PLACE[1], "Zq7w%4")
@example(IN_ITS_PLACE[1], "Zq7w,Kx9v")
def test_a_password_arrives_at_redis_as_it_is_meant_or_the_url_is_refused(
    template: str, password: str
) -> None:
    url = template.format(password)
    code, said = started_with("CHARGELIGHT_REDIS_URL", url)
    if code is None:
        opener = RedisConnection(url, "test")._opener
        assert (opener.password or "") == unquote(password)
        assert getattr(opener, "host", "host") == "host"
    else:
        assert_refused(code, said)


# With // the last of these is a whole URL.
@given(
    st.sampled_from(ELSEWHERE),
    PASSWORDS.filter(lambda text: bool(text) and not text.startswith("//")),
)
@example(ELSEWHERE[1], "&")
def test_no_part_of_a_url_that_is_refused_is_shown(template: str, password: str) -> None:
    assert_refused(*started_with("CHARGELIGHT_REDIS_URL", template.format(password)))


def started_with(variable: str, value: str) -> tuple[int | None, str]:
    """Return the exit code of a service that is started so, None if it would run; and its words."""
    with patch.dict(os.environ, {variable: value}), contextlib.suppress(WrongSettingsError):
        BoothSettings.load()
        return None, ""
    said = io.StringIO()
    with (
        patch.dict(os.environ, {variable: value}),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as ended,
    ):
        main(BoothSettings, NotImplemented)
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.getvalue()


def assert_refused(code: int | None, said: str) -> None:
    assert code == EXIT_WRONG_SETTINGS
    assert "CHARGELIGHT_REDIS_URL is not valid: " in said
    assert not [mark for mark in (*MARKS, "Traceback") if mark in said]
