"""What the simulator is told by its environment, and how it refuses what is wrong there."""

import random
import sys
from collections import Counter

import pytest

from services.simulator.cli import main
from services.simulator.devices.levels import parse_level
from services.simulator.devices.phone import Phone, empty_phone
from services.simulator.fleet.figures import Counts, Latencies
from services.simulator.fleet.fleet import Hub, Plan, Records, SimulatedPair
from services.simulator.fleet.pairs import Pair
from services.simulator.judging.thresholds import DEFAULT, parse_thresholds

pytestmark = pytest.mark.usefixtures("clean_environment")


def refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """Return what is said of a use that must be refused."""
    monkeypatch.setattr(sys, "argv", ["chargelight-simulator", *(arguments or ("widget", "w1"))])
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    return said.err


def test_an_unknown_variable_is_refused_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHARGELIGHT_SIMULATOR_SECRT", "s" * 16)
    monkeypatch.setenv("CHARGELIGHT_GATEWAY_WHATEVER", "another's")
    assert refusal(monkeypatch, capsys) == (
        "CHARGELIGHT_SIMULATOR_SECRT is not a setting. Did you mean CHARGELIGHT_SIMULATOR_SECRET?\n"
    )


@pytest.mark.parametrize(
    ("name", "command"), [("SECRET", ["widget", "w1"]), ("KEY", ["register", "c1:w1"])]
)
@pytest.mark.parametrize("value", ["Zq7w Kx9v", "Zq7w\n", "\u00e4Zq7w"])
def test_what_no_header_can_hold_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    command: list[str],
    value: str,
) -> None:
    monkeypatch.setenv(f"CHARGELIGHT_SIMULATOR_{name}", value)
    said = refusal(monkeypatch, capsys, *command)
    assert said.startswith(f"CHARGELIGHT_SIMULATOR_{name} is not valid")
    assert "Zq7w" not in said


@pytest.mark.parametrize(
    "url",
    [
        *("hub:3200", "http://hub:3200", "ws://", "ws://hub:99999", "ws://hub:0", "ws://hub/?Zq7w"),
        *("ws://w1:Zq7w@hub", "ws://w1:Zq/7w@hub", "ws://w1:Zq7w%@hub", "ws://[Zq7w", "ws://a b"),
    ],
)
def test_a_wrong_address_names_its_variable_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("CHARGELIGHT_SIMULATOR_WIDGETS_URL", url)
    said = refusal(monkeypatch, capsys)
    assert "CHARGELIGHT_SIMULATOR_WIDGETS_URL" in said
    assert "ws://127.0.0.1:3100" in said
    assert not [part for part in ("Zq7w", "7w@", "Traceback") if part in said]


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize("option", ["--rate", "--settle", "--duration", "--interval"])
def test_a_number_that_nothing_can_be_counted_to_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, number: str
) -> None:
    assert option in refusal(monkeypatch, capsys, "fleet", option, number)


def test_all_devices_of_a_fleet_have_its_secret_and_print_it_nowhere() -> None:
    hub = Hub("ws://a", "ws://b", parse_thresholds(DEFAULT), 5.0, "Zq7w" * 4)
    plan = Plan(Pair("c1", "w1"), Phone(parse_level("5"), 1, 1, empty_phone), 1.0)
    pair = SimulatedPair(plan, hub, Records(Counts(), Latencies(), Counter()), random.Random(1))
    assert pair.charger.device.secret == pair.widget.device.secret == "Zq7w" * 4
    assert "Zq7w" not in repr((hub, pair.charger.device))
