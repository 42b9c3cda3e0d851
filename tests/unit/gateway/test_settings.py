"""Settings of the gateway."""

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
    settings = loaded(monkeypatch, GATEWAY_ORIGINS='["https://booth.example"]')
    assert settings.origins == ("https://booth.example",)


@pytest.mark.parametrize("text", ['"https://booth.example"', "[1]", *NO_JSON])
def test_origins_that_are_none_name_their_variable(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert "CHARGELIGHT_GATEWAY_ORIGINS is not valid" in refusal(monkeypatch, GATEWAY_ORIGINS=text)


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


@pytest.mark.parametrize("name", ["MAX_CONNECTIONS", "MAX_WAITING"])
def test_room_for_nobody_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert f"CHARGELIGHT_GATEWAY_{name}" in refusal(monkeypatch, **{f"GATEWAY_{name}": "0"})


@pytest.mark.parametrize("name", ["DRAIN_SECONDS", "HANDSHAKE_SECONDS", "SILENCE_SECONDS"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "3601", "soon"])
def test_a_time_is_a_number_of_seconds_up_to_an_hour(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    text = refusal(monkeypatch, **{f"GATEWAY_{name}": value})
    assert f"CHARGELIGHT_GATEWAY_{name} is not valid" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [("BYTES_PER_SECOND", "255"), ("BURST_BYTES", "1023"), ("TOO_FAST_SECONDS", "0")],
)
def test_so_little_that_no_device_could_live_with_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert name in refusal(monkeypatch, **{f"GATEWAY_{name}": value})
