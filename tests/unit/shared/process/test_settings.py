"""Settings: a typo is refused with a hint, a wrong value is named and never shown."""

import re
from typing import ClassVar

import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.gateway.settings import GatewaySettings
from services.registry.settings import RegistrySettings
from services.router.settings import RouterSettings
from shared.process.settings import Port, Seconds, Settings, WrongSettingsError


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
        ("REDIS_URL", "http://redis"),
        ("REDIS_URL", ""),
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
