import pytest
from msgspec import convert

from services.gateway.ocpp.messages import MeterValue
from services.gateway.ocpp.samples import Sample, Samples, newest_sample

TEN = 1_796_032_800.0


def value(level: object = "28", **more: object) -> dict[str, object]:
    return {"value": level, "measurand": "SoC", **more}


def found(*meter_values: object, zero_counts: bool = True) -> Samples:
    return newest_sample(convert(meter_values, tuple[MeterValue, ...]), zero_counts=zero_counts)


def at(second: int, *values: object) -> dict[str, object]:
    return {"timestamp": f"2026-11-30T10:00:{second:02}Z", "sampledValue": values}


def level_of(sampled: object) -> float | None:
    sample = found(at(0, sampled)).sample
    return None if sample is None else sample.level


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        *(("28", 28), ("50.0", 50), ("44.00", 44), (28, 28), (7.5, 7.5), ("0", 0), (0, 0)),
        *(("100", 100), (100.0, 100), (" 28 ", 28), ("+5", 5), ("2.8e1", 28), (".5", 0.5)),
    ],
)
def test_a_level_is_a_number_or_a_text_of_one(level: object, expected: float) -> None:
    assert level_of(value(level)) == expected


@pytest.mark.parametrize(
    "level",
    [
        *("", "full", "44,00", "28 %", "NaN", "inf", "1_0", "٢٨", "0x10", "--5", "1e9999"),
        *(None, True, [], {}, [28], 101, "101", -1, "-0.1", 10**400, 1e308, "100.0001"),
    ],
)
def test_any_other_value_is_no_level_and_is_named(level: object) -> None:
    samples = found(at(0, value(level)))
    assert samples.sample is None
    assert samples.mistake.startswith("SoC is ")


def test_a_negative_zero_is_zero() -> None:
    assert str(level_of(value("-0"))) == "0.0"


@pytest.mark.parametrize("unit", [None, "", "Percent", "percent", "%", " % "])
def test_a_level_is_in_percent_whether_it_says_so_or_not(unit: object) -> None:
    assert level_of(value(unit=unit)) == 28
    assert level_of(value(unitOfMeasure={"unit": unit})) == 28


@pytest.mark.parametrize("unit", ["Wh", "kWh", "V", 5, ["%"]])
def test_a_level_in_another_unit_is_none(unit: object) -> None:
    for sampled in value(unit=unit), value(unitOfMeasure={"unit": unit}):
        samples = found(at(0, sampled))
        assert samples.sample is None
        assert "not in percent" in samples.mistake


def test_the_multiplier_of_2_x_counts() -> None:
    assert level_of(value(2.8, unitOfMeasure={"unit": "Percent", "multiplier": 1})) == 28
    assert level_of(value(2800, unitOfMeasure={"multiplier": -2})) == 28
    assert level_of(value(28, unitOfMeasure={"multiplier": 0})) == 28


@pytest.mark.parametrize("multiplier", ["x", 99, -99, 0.5, [1]])
def test_a_multiplier_that_cannot_be_meant_leaves_no_level(multiplier: object) -> None:
    samples = found(at(0, value(28, unitOfMeasure={"multiplier": multiplier})))
    assert samples == Samples(None, "SoC has a strange multiplier")


def test_a_number_that_is_too_great_for_a_multiplier_is_none() -> None:
    samples = found(at(0, value(10**400, unitOfMeasure={"multiplier": -9})))
    assert samples == Samples(None, "SoC is no number")


@pytest.mark.parametrize("described", [5, [], "Percent", {"multiplier": None}, {"x": {}}])
def test_a_strange_unit_fails_nothing(described: object) -> None:
    assert level_of(value(unitOfMeasure=described)) == 28


def test_signed_data_is_no_level() -> None:
    samples = found(at(0, value("OCMF|...", format="SignedData")))
    assert samples == Samples(None, "SoC as signed data cannot be read")


@pytest.mark.parametrize("measurand", ["SoCState", "soc", "SOC", "SoC "])
def test_a_measurand_that_only_looks_like_soc_is_none_and_is_named(measurand: str) -> None:
    samples = found(at(0, {"value": "28", "measurand": measurand}))
    assert samples.sample is None
    assert measurand in samples.mistake


@pytest.mark.parametrize(
    "sampled",
    [
        {"value": "28"},
        {"value": "28", "measurand": None},
        {"value": "28", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "28", "measurand": "Voltage", "unit": "Furlong", "phase": "L9", "x": []},
        {"value": "x", "measurand": 5},
        {},
    ],
)
def test_other_values_are_no_level_and_no_mistake(sampled: object) -> None:
    assert found(at(0, sampled)) == Samples(None, "")
    assert found(at(0, sampled, value())).sample == Sample(28, TEN, is_triggered=False)


@pytest.mark.parametrize(
    "empty", [{}, {"sampledValue": []}, {"sampledValue": None, "timestamp": None}, at(9)]
)
def test_an_empty_sample_elsewhere_fails_nothing(empty: object) -> None:
    assert found(empty, at(0, value())).sample == Sample(28, TEN, is_triggered=False)
    assert found().sample is None


def test_the_newest_sample_by_its_own_time_counts_wherever_it_stands() -> None:
    assert found(at(9, value(6)), at(1, value(50))).sample == Sample(6, TEN + 9, is_triggered=False)
    assert found(at(1, value(50)), at(9, value(6))).sample == Sample(6, TEN + 9, is_triggered=False)


def test_of_two_from_the_same_time_the_later_one_in_the_message_counts() -> None:
    sample = found(at(1, value(50), value(51)), at(1, value(52))).sample
    assert sample == Sample(52, TEN + 1, is_triggered=False)


def test_one_without_a_time_is_the_newest() -> None:
    timeless = {"timestamp": "soon", "sampledValue": [value(6)]}
    assert found(timeless, at(9, value(50))).sample == Sample(6, None, is_triggered=False)


def test_zero_outside_a_transaction_means_unknown() -> None:
    assert found(at(1, value("0.0")), zero_counts=False) == Samples(None, "")
    assert found(at(0, value(7)), at(1, value(0)), zero_counts=False).sample == Sample(
        7, TEN, is_triggered=False
    )


def test_an_unusable_value_does_not_hide_a_usable_one() -> None:
    samples = found(at(0, value("?"), value(28)), at(1, value("?")))
    assert samples.sample == Sample(28, TEN, is_triggered=False)
    assert samples.mistake


def test_an_answer_to_a_trigger_says_so() -> None:
    sample = found(at(0, value(28, context="Trigger"))).sample
    assert sample == Sample(28, TEN, is_triggered=True)
