"""How `chargelight doctor` is typed, and what it shows."""

import pytest

from services.cli.doctor.command import screen
from services.cli.doctor.diagnosis import Line
from services.cli.doctor.finding import Finding, Mark
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry


@pytest.mark.parametrize("wrong", ["hub", ":3100", "hub:99999", "hub:x", ""])
@pytest.mark.parametrize("option", ["--chargers", "--widgets"])
def test_a_port_that_is_none_is_refused(run: Run, option: str, wrong: str) -> None:
    ran = run("doctor", option, wrong)
    assert ran.code == 2
    assert ran.explains("it must be a host and a port")


@pytest.mark.parametrize("wrong", ["banana", "hub:3101", "http://", "ftp://hub", "http://hub:x"])
def test_a_health_port_that_is_none_is_refused_before_anything_is_asked(
    run: Run, registry: FakeRegistry, wrong: str
) -> None:
    ran = run("doctor", "--health", "http://127.0.0.1:3101", "--health", wrong)
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains(f"'{wrong}' is no URL; one is http://127.0.0.1:3101")


def test_what_to_do_stands_below_what_was_found() -> None:
    lines = [
        Line("operators", Finding(Mark.WRONG, "no key is asked for", "ask for one")),
        Line("devices", Finding(Mark.UNKNOWN, "Postgres is away")),
    ]
    assert screen("https://hub", lines, 1).splitlines()[2:] == [
        "  ✗ operators        no key is asked for",
        "                     → ask for one",
        "  ? devices          Postgres is away",
        "",
        "Things to do: 1",
    ]


def test_a_hub_with_nothing_to_do_is_told_so() -> None:
    lines = [Line("REST", Finding(Mark.RIGHT, "nothing found"))]
    assert screen("https://hub", lines, 0).splitlines() == [
        "the hub of https://hub",
        "",
        "  ✓ REST             nothing found",
        "",
        "Nothing to do, as far as is seen from here.",
    ]
