"""Settings of the gateway."""

import json

import pytest

from services.gateway.settings import GatewaySettings
from shared.process.settings import WrongSettingsError

NO_JSON = ["https://booth.example", "", "[1"]


pytestmark = pytest.mark.usefixtures("clean_environment")


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> GatewaySettings:
    for name, value in variables.items():
        monkeypatch.setenv(f"CHARGELIGHT_{name}", value)
    return GatewaySettings.load()


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(WrongSettingsError) as caught:
        loaded(monkeypatch, **variables)
    return str(caught.value)


def test_by_default_a_silent_device_is_offline_within_30_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = loaded(monkeypatch)
    assert settings.ping_interval_seconds < settings.silence_seconds < 29
    assert (settings.charger_port, settings.widget_port) == (3100, 3200)
    assert settings.handshake_seconds == 5


def test_devices_are_pinged_before_they_count_as_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, GATEWAY_PING_INTERVAL_SECONDS="10", GATEWAY_SILENCE_SECONDS="10")
    assert text == "CHARGELIGHT_GATEWAY_SILENCE_SECONDS must exceed the ping interval"


def test_origins_are_a_json_list(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = [
        *("https://booth.example", "http://booth.example:8080", "http://[::1]:3000", "file://"),
        *("http://192.168.1.7", "chrome-extension://abcdefgh", "capacitor://localhost", "null"),
    ]
    settings = loaded(monkeypatch, GATEWAY_ORIGINS=json.dumps(origins))
    assert settings.origins == tuple(origins)


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "https://*.example", "booth.example", "https://", "https://booth.example/", ""),
        *("https://Booth.example", "https://b\u00fccher.example", "https://booth.example/x"),
        *("https://booth.example:443", "http://booth.example:80", "http://booth.example:99999"),
        *("http://booth.example:0", "http://booth.example:08080"),
        *("http://booth.example:", "https://me@booth.example", "https://booth.example "),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused_with_what_to_write(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    text = refusal(monkeypatch, GATEWAY_ORIGINS=json.dumps([origin]))
    assert text.startswith("CHARGELIGHT_GATEWAY_ORIGINS is not valid: ")
    assert 'for example "https://example.org"' in text


@pytest.mark.parametrize("mode", ["optional", "required"])
@pytest.mark.parametrize("key", ["", "s3cret", "x" * 31])
def test_credentials_need_a_key_that_is_long_enough(
    monkeypatch: pytest.MonkeyPatch, mode: str, key: str
) -> None:
    text = refusal(monkeypatch, DEVICE_AUTH=mode, CREDENTIAL_KEY=key)
    assert "needs CHARGELIGHT_CREDENTIAL_KEY with 32 characters or more" in text
    assert not key or key not in text


def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "s3cret" * 6
    settings = loaded(monkeypatch, DEVICE_AUTH="required", CREDENTIAL_KEY=key)
    assert settings.credential_key.get_secret_value() == key
    assert key not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_CONNECTIONS", "0"),
        ("MAX_WAITING", "0"),
        # So little that no device could live with it.
        ("BYTES_PER_SECOND", "255"),
        ("BURST_BYTES", "1023"),
        ("TOO_FAST_SECONDS", "0"),
        *(
            (f"{what}_SECONDS", value)
            for what in ("DRAIN", "HANDSHAKE", "LEAVE", "SILENCE")
            for value in ("nan", "inf", "-1", "3601", "soon")
        ),
        *(("ORIGINS", text) for text in ('"https://booth.example"', "[1]", *NO_JSON)),
    ],
)
def test_a_value_that_is_not_allowed_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    text = refusal(monkeypatch, **{f"GATEWAY_{name}": value})
    assert f"CHARGELIGHT_GATEWAY_{name} is not valid" in text


def test_leaving_is_for_balancers_and_part_of_the_time_that_a_stop_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = loaded(monkeypatch)
    assert usual.leave_seconds == 0
    leaving = loaded(monkeypatch, GATEWAY_LEAVE_SECONDS="45")
    assert leaving.stop_seconds == usual.stop_seconds + 45
    text = refusal(monkeypatch, GATEWAY_WITHOUT_BALANCER="true")
    assert "CHARGELIGHT_GATEWAY_LEAVE_SECONDS=45" in text
    assert "CHARGELIGHT_GATEWAY_WITHOUT_BALANCER=true" in text
    assert "\n" not in text


def test_replicas_are_not_waited_for_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch).wait_replicas == 0
    assert loaded(monkeypatch, REDIS_WAIT_REPLICAS="1").wait_replicas == 1


@pytest.mark.parametrize("value", ["-1", "6", "one", "", "1.5"])
def test_a_wrong_number_of_replicas_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    text = refusal(monkeypatch, REDIS_WAIT_REPLICAS=value)
    assert text.startswith("CHARGELIGHT_REDIS_WAIT_REPLICAS is not valid")
