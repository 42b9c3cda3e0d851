"""What a state of charge means for a light: the rule the product exists for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract.device_protocol import ChargingStatus
from shared.contract.thresholds import Thresholds, agreed_thresholds, name_of_version

RED, YELLOW, GREEN = ChargingStatus.CHARGING, ChargingStatus.CHARGING80, ChargingStatus.CHARGED
ORDER = list(ChargingStatus)
DEFAULT = Thresholds.parse("charging=0,charging80=80,charged=100")
levels = st.floats(0, 100)


@pytest.mark.parametrize(
    ("level", "status"),
    [
        *((level, RED) for level in (0, -0.0, 5e-324, 50, 79, 79.999, 79.99999999999999)),
        *((level, YELLOW) for level in (80, 80.00000000000001, 99, 99.5, 99.99999999999999)),
        (100, GREEN),
    ],
)
def test_red_below_80_yellow_from_80_green_at_100(level: float, status: ChargingStatus) -> None:
    assert DEFAULT.status_of(level) is status


@given(levels, levels)
def test_more_charge_never_shows_an_earlier_light(one: float, other: float) -> None:
    less, more = sorted([one, other])
    assert ORDER.index(DEFAULT.status_of(less)) <= ORDER.index(DEFAULT.status_of(more))


@given(st.floats(0.001, 50), st.floats(50.001, 100), levels)
def test_a_light_is_shown_from_its_level_on(second: float, third: float, level: float) -> None:
    thresholds = Thresholds([(RED, 0), (YELLOW, second), (GREEN, third)])
    expected = GREEN if level >= third else YELLOW if level >= second else RED
    assert thresholds.status_of(level) is expected


def test_fewer_lights_than_there_are_will_do() -> None:
    thresholds = Thresholds.parse("charging=0,charged=95.5")
    found = [thresholds.status_of(level) for level in (0, 95.4, 95.5, 100)]
    assert found == [RED, RED, GREEN, GREEN]
    assert Thresholds.parse("charged=0").status_of(0) is GREEN


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "status=level pairs"),
        ("charging", "status=level pairs"),
        ("charging:0", "status=level pairs"),
        ("purple=0", "charging, charging80, charged"),
        ("CHARGING=0", "status=level pairs"),
        ("charging=0,", "status=level pairs"),
        ("charging=0;charged=100", "."),
        ("charging=", "."),
        ("charging=zero", "."),
        ("charging=0,charged=0x50", "."),
        ("charging=1,charged=100", "must start at 0"),
        ("charging=-1,charged=100", "must start at 0"),
        ("charging=nan", "must start at 0"),
        ("charging=inf", "must start at 0"),
        ("charging=0,charging80=80,charged=80", "must ascend"),
        ("charging=0,charging80=90,charged=80", "must ascend"),
        ("charging=0,charging80=0", "must ascend"),
        ("charging=0,charging80=nan,charged=100", "must ascend"),
        ("charging=0,charging80=80,charged=nan", "must ascend"),
        ("charging=0,charging80=inf,charged=100", "must ascend"),
        ("charging=0,charging80=-inf", "must ascend"),
        ("charging=0,charging80=80,charged=inf", "may exceed 100"),
        ("charging=0,charged=100.00001", "may exceed 100"),
        ("charging=0,charged=1e400", "may exceed 100"),
        ("charging=0,charged=50,charging=100", "may occur twice"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Thresholds.parse(text)


def test_no_lights_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="must start at 0"):
        Thresholds([])


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("charging=0.0,charging80=80.0,charged=1e2", "charging=0,charging80=80,charged=100"),
        (" charging=0, charging80=80 ,charged=100 ", "charging=0,charging80=80,charged=100"),
        ("charging=0,charged=99.5", "charging=0,charged=99.5"),
    ],
)
def test_the_same_thresholds_read_alike_however_they_were_written(text: str, normal: str) -> None:
    assert str(Thresholds.parse(text)) == normal


@given(st.floats(0.001, 100), levels)
def test_thresholds_written_and_read_again_are_the_same(second: float, level: float) -> None:
    thresholds = Thresholds([(RED, 0), (GREEN, second)])
    again = Thresholds.parse(str(thresholds))
    assert again.status_of(level) is thresholds.status_of(level)
    assert again.status_of(second) is GREEN


def test_what_routers_agreed_on_is_found_by_its_version() -> None:
    agreed = {
        name_of_version(1).encode(): b"charging=0,charging80=80,charged=100",
        name_of_version(12).encode(): b"charging=0,charged=50",
        name_of_version(13).encode(): b"by hand",
        b"CHARGELIGHT_ROUTER_THRESHOLDS of version x": b"charging=0,charged=50",
        b"CHARGELIGHT_PARTITIONS": b"64",
    }
    found = agreed_thresholds(agreed)
    assert sorted(found) == [1, 12]
    assert found[12].status_of(50) is GREEN
