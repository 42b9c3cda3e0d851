"""The canary's settings."""

import pytest

from services.canary.settings import CanarySettings
from shared.contract.thresholds import Thresholds
from shared.process.settings import WrongSettingsError


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("THRESHOLDS", "charging=0", "every light looks right"),
        ("CHARGER", "a b", "an id is"),
        ("CHARGERS_URL", "http://hub", "CHARGERS_URL"),
        ("REGISTRY_URL", "ws://hub", "REGISTRY_URL"),
    ],
)
def test_settings_with_which_it_could_see_nothing_are_refused(
    name: str, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CHARGELIGHT_CANARY_{name}", text)
    with pytest.raises(WrongSettingsError, match=reason):
        CanarySettings.load()


def test_it_reports_a_level_of_each_light() -> None:
    assert CanarySettings.load().thresholds == "charging=0,charging80=80,charged=100"
    thresholds = Thresholds.parse("charging=0,charging80=99.5,charged=99.8")
    walk = thresholds.each()
    assert len(walk) == 3
    assert [thresholds.status_of(level) for level, _ in walk] == [light for _, light in walk]
