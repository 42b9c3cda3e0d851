"""Settings of the router."""

import pytest

from services.router.settings import RouterSettings
from shared.contract.thresholds import Thresholds
from shared.process.settings import WrongSettingsError

SEVEN_DIGITS = ["99.99999", "99.9999999", "80.1234567"]


pytestmark = pytest.mark.usefixtures("clean_environment")


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> RouterSettings:
    for name, value in variables.items():
        monkeypatch.setenv(f"CHARGELIGHT_ROUTER_{name}", value)
    return RouterSettings.load()


def test_by_default_the_product_works_as_described(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch)
    assert settings.thresholds == "charging=0,charging80=80,charged=100"
    assert settings.thresholds_version == 1
    assert settings.health_port == 3102


def test_thresholds_are_compared_in_their_normal_form(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, THRESHOLDS=" charging=0.0, charging80=8e1,charged=100 ")
    assert settings.thresholds == "charging=0,charging80=80,charged=100"


@pytest.mark.parametrize("level", ["99.5", "99.9999", "0.00001", *SEVEN_DIGITS])
def test_thresholds_keep_every_digit(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    settings = loaded(monkeypatch, THRESHOLDS=f"charging=0,charging80={level},charged=100")
    thresholds = Thresholds.parse(settings.thresholds)
    assert thresholds.status_of(float(level)) == "charging80"
    assert thresholds.status_of(float(level) * 0.999999999) == "charging"


@pytest.mark.parametrize(
    "text", ["", "charging=1", "charging=0,charged=nan", "charging=0,charged=inf", "x=0"]
)
def test_bad_thresholds_are_refused_before_serving(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with pytest.raises(WrongSettingsError, match="CHARGELIGHT_ROUTER_THRESHOLDS is not valid"):
        loaded(monkeypatch, THRESHOLDS=text)


def test_a_bad_level_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WrongSettingsError) as caught:
        loaded(monkeypatch, THRESHOLDS="charging=s3cret")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("version", ["0", "-1", "2147483648", "1.5", "one"])
def test_a_version_is_a_number_from_1(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    with pytest.raises(WrongSettingsError, match="CHARGELIGHT_ROUTER_THRESHOLDS_VERSION"):
        loaded(monkeypatch, THRESHOLDS_VERSION=version)
