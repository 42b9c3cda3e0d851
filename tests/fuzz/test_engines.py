"""A fuzzer that finds nothing proves nothing: so bugs are planted, and it has to find them."""

import ast
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.connection.dialect import BadFrameError
from services.gateway.connection.handshake import Handshake
from shared.contract.device_protocol import ErrorCode
from tests.fuzz import __main__ as runner
from tests.fuzz.engines import Report, run_random
from tests.fuzz.frames_target import FramesTarget
from tests.fuzz.gateway_end import Parts
from tests.fuzz.handshake_target import HandshakeTarget
from tests.fuzz.readings_target import ReadingsTarget
from tests.fuzz.target import Target

MOST_RUNS = 20_000


def taking_names_twice(message: bytes) -> float:
    """Decode as most would."""
    try:
        document = json.loads(message.decode())
        assert document["event"] == "StateOfCharge"
        return float(document["data"]["soc"])
    except UnicodeDecodeError:
        raise
    except Exception as error:
        raise BadFrameError(ErrorCode.NOT_JSON, "expected one JSON object") from error


def crashing(message: bytes) -> float:
    """Decode, with an index that is wrong for some."""
    return 70.0 if message[0] == ord("{") else 71.0


class Deaf(ChargerConnection):
    """Does not hear that a newer connection counts."""

    @property
    def superseded(self) -> bool:
        return False

    @superseded.setter
    def superseded(self, value: bool) -> None:
        pass


class Hasty(ChargerConnection):
    """Gives receipts for readings that are not stored yet."""

    def on_ping(self, payload: bytes) -> None:
        self.connection.pong(payload)


class Forgetful(ChargerConnection):
    """Never gives up on a device."""

    def on_message(self, message: bytes) -> None:
        self.connection._bad_frames = 0
        super().on_message(message)


class Renaming(ChargerConnection):
    """Lets devices in by another id than the one in the path."""

    def on_open(self) -> None:
        self.device_id = self.device_id.lower()
        super().on_open()


class Careless(Handshake):
    """Counts a device among those that are connected before its handshake is answered."""

    def _examine(self, head: bytes) -> None:
        if head.startswith(b"GET /chargers/"):
            not_open: Any = SimpleNamespace(heard_at=0.0, alive_at=0.0)
            self.endpoint.handler(not_open, "c1").on_open()
        super()._examine(head)


PLANTED: list[tuple[Callable[[], Target], Callable[[], Target]]] = [
    (lambda: ReadingsTarget(taking_names_twice), ReadingsTarget),
    (lambda: ReadingsTarget(crashing), ReadingsTarget),
    (lambda: FramesTarget(Parts(charger=Deaf)), FramesTarget),
    (lambda: FramesTarget(Parts(charger=Hasty)), FramesTarget),
    (lambda: FramesTarget(Parts(charger=Forgetful)), FramesTarget),
    (lambda: HandshakeTarget(Parts(charger=Renaming)), HandshakeTarget),
    (lambda: HandshakeTarget(Parts(handshake=Careless)), HandshakeTarget),
]


@pytest.mark.parametrize(("broken", "whole"), PLANTED)
def test_a_planted_bug_is_found_and_its_input_shows_it(
    broken: Callable[[], Target], whole: Callable[[], Target]
) -> None:
    report = run_random(broken(), Report("planted", "random", 1), MOST_RUNS)
    assert report.finding is not None
    assert report.why
    literal = str(report).splitlines()[-1]
    assert ast.literal_eval(literal) == report.finding
    again = Report("planted", "random", 1)
    assert not again.run_one(broken(), report.finding)
    assert again.run_one(whole(), report.finding), "the bug is not the planted one"


@pytest.mark.parametrize("name", runner.TARGETS)
def test_a_seed_repeats_a_run(name: str) -> None:
    first, second = (
        run_random(runner.target_named(name), Report(name, "random", 5), 300) for _ in range(2)
    )
    assert first.outcomes == second.outcomes
    assert first.inputs == 300
    assert first.finding is None


def test_the_runner_says_how_deep_it_reached(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fuzz", "readings", "--runs", "500", "--seed", "3"])
    assert runner.main() == 0
    said = capsys.readouterr().out
    assert said.startswith("target readings, engine random, seed 3\n500 inputs in ")
    assert "a reading" in said
    assert "0 crashes" in said


def test_the_runner_shows_what_it_found_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fuzz", "readings", "--runs", "5000"])
    monkeypatch.setattr(runner, "target_named", lambda _: ReadingsTarget(taking_names_twice))
    assert runner.main() == 1
    said = capsys.readouterr().out
    assert "1 crashes" in said
    assert "FOUND" in said
