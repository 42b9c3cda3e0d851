"""The settings of traces: where they go, and how many."""

import pytest

from services.gateway.settings import GatewaySettings
from services.router.settings import RouterSettings
from shared.process.settings import WrongSettingsError
from shared.process.traces.settings import SettingsWithTraces

pytestmark = pytest.mark.usefixtures("clean_environment")

URL = "CHARGELIGHT_TRACES_URL"


@pytest.mark.parametrize("settings_type", [GatewaySettings, RouterSettings])
def test_there_are_none_by_default(settings_type: type[SettingsWithTraces]) -> None:
    assert settings_type.load().traces_url == ""


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://collector:4318/", "https://collector:4318/v1/traces"),
        ("https://collector/otlp/v1/traces", "https://collector/otlp/v1/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
    ],
)
def test_the_usual_path_need_not_be_said(
    monkeypatch: pytest.MonkeyPatch, given: str, used: str
) -> None:
    monkeypatch.setenv(URL, given)
    assert RouterSettings.load().traces_url == used


@pytest.mark.parametrize(
    "wrong",
    [
        "collector:4318",
        "grpc://collector:4317",
        "http://",
        "http://name:s3cret@collector:4318",
        "http://collector:4318/v1/traces?key=s3cret",
        "http://one:4318,two:4318",
        "http://collector:99999",
    ],
)
def test_what_is_no_receivers_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv(URL, wrong)
    with pytest.raises(WrongSettingsError, match=URL) as caught:
        RouterSettings.load()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["-0.1", "1.1", "nan", "all"])
def test_a_share_is_from_0_to_1(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("CHARGELIGHT_TRACES_SAMPLE", wrong)
    with pytest.raises(WrongSettingsError, match="CHARGELIGHT_TRACES_SAMPLE"):
        RouterSettings.load()
