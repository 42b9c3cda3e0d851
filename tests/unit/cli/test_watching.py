"""``--watch``: on a terminal, elsewhere, and while the registry is away."""

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

import httpx
import pytest

from services.cli import watching
from services.cli.watching import changes
from tests.unit.cli.conftest import Ran, Run
from tests.unit.cli.fake_registry import FakeRegistry, problem
from tests.unit.cli.test_hub import hub

LINES = "9"
"""Of the terminal; workers of the tests have another number, or none."""

AWAY = httpx.ConnectError("refused")
ZONED_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d"

Answers = Sequence[httpx.Response | httpx.TransportError]
Watch = Callable[[str, Answers], Ran]


def charger(name: str, soc: float, light: str = "charging", **more: object) -> dict[str, object]:
    state = {"id": name, "online": True, "gateway": "g1", "widget": f"w-{name}"}
    return {**state, "reading": {"soc": soc}, "status": {"status": light}, **more}


def page(*items: Mapping[str, object], after: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"items": list(items), "next": after})


@pytest.fixture
def watch(run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watch as often as there are answers; then press Ctrl-C."""

    def watch_(command: str, answers: Answers) -> Ran:
        pauses = iter(answers[1:])

        def pause() -> None:
            if next(pauses, None) is None:
                raise KeyboardInterrupt

        monkeypatch.setattr(watching, "pause", pause)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: os.environ.get("LINES") == LINES)
        registry.answers(*answers)
        return run(*command.split())

    return watch_


@pytest.fixture
def terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is one, with 70 columns and 9 lines."""
    del run  # it comes first, and clears the environment
    for name, value in {"TERM": "xterm", "COLUMNS": "70", "LINES": LINES}.items():
        monkeypatch.setenv(name, value)


def lines_of(ran: Ran) -> list[list[str]]:
    """Return the words of each line, without the time that each begins with."""
    found = [re.fullmatch(rf"(?:at|{ZONED_TIME}) +(.*)", line) for line in ran.output.splitlines()]
    return [each[1].split() for each in found if each]


def test_what_changes_is_what_is_new_other_or_gone() -> None:
    before = {"a": 1, "b": 2, "c": 3}
    assert list(changes(before, {"a": 1, "b": 3, "d": 4})) == ["b", "d", "c"]
    assert list(changes(before, before)) == []


def test_away_from_a_terminal_there_is_a_line_per_change(watch: Watch) -> None:
    c1, c2 = charger("c1", 70), charger("c2", 10)
    seen_again = {**c1, "last_seen": "2026-11-24T08:00:00Z"}
    looks = [
        page(c1, c2),
        page(seen_again, c2),
        page(charger("c1", 85, "charging80"), c2),
        page(c2),
    ]
    ran = watch("state --watch", looks)
    assert (ran.code, ran.errors) == (130, "")
    assert lines_of(ran) == [
        ["id", "online", "gateway", "soc", "status", "widget"],
        ["c1", "yes", "g1", "70", "charging", "w-c1"],
        ["c2", "yes", "g1", "10", "charging", "w-c2"],
        ["c1", "yes", "g1", "85", "charging80", "w-c1"],
        ["c1", "gone"],
    ]


def test_a_program_gets_an_object_per_change(watch: Watch) -> None:
    c1, fuller = charger("c1", 70), charger("c1", 80, "charging80")
    ran = watch("state --watch --json", [page(c1), page(c1), page(fuller), page()])
    assert ran.code == 130
    said = [json.loads(line) for line in ran.output.splitlines()]
    assert said == [c1, fuller, {"id": "c1", "gone": True}]


@pytest.mark.parametrize("way", ["", " --json"])
def test_a_registry_that_is_away_is_waited_for_and_told_once(watch: Watch, way: str) -> None:
    full = problem(503, "Postgres is away")
    looks: Answers = [AWAY, page(charger("c1", 70)), AWAY, full, AWAY, page(charger("c1", 71))]
    ran = watch("state --watch" + way, looks)
    assert ran.code == 130
    assert ran.errors.count("no registry answers at http://127.0.0.1:3300") == 2
    assert ran.errors.count("the registry answers again") == 2
    assert "71" in ran.output.splitlines()[-1]
    assert len(ran.output.splitlines()) == (2 if way else 3)


def test_a_refusal_ends_it(watch: Watch) -> None:
    ran = watch("state --watch", [page(), problem(401, "no such key"), page()])
    assert ran.code == 1
    assert ran.errors.startswith("refused: no such key")


@pytest.mark.usefixtures("terminal")
def test_a_terminal_is_drawn_again_and_put_back(watch: Watch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    ran = watch("state --watch", [page(charger("c1", 70)), page(charger("c1", 100, "charged"))])
    assert (ran.code, ran.errors) == (130, "")
    assert ran.output.startswith("\x1b[?1049h")
    # Each is drawn from the upper left corner; below the last one it would move all lines up.
    first, second = (each for each in ran.output.split("\x1b[H") if "until Ctrl-C" in each)
    assert len(first.splitlines()) == 9
    assert "charging" in first
    assert "\x1b[32mcharged" in second
    assert ran.output.endswith("\x1b[?25h\x1b[?1049l")  # the cursor is back, and the screen
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_the_last_list_stays_while_the_registry_is_away(watch: Watch) -> None:
    ran = watch("state --watch", [page(charger("c1", 70)), AWAY])
    last = ran.output.rpartition("no registry answers")[2]
    assert "c1" in last
    assert (ran.code, ran.errors) == (130, "")


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_no_more_than_fits(watch: Watch, registry: FakeRegistry) -> None:
    ran = watch("state --watch", [page(*(charger(f"c{n}", 1) for n in range(4)), after="n1")])
    assert registry.queries() == [{"limit": "4"}]
    assert "There are more" in ran.output
    watch("state --watch --most 2 --online", [page()])
    assert registry.queries()[1] == {"limit": "2", "online": "true"}


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("changed", [{"TERM": "dumb"}, {}])
def test_where_nothing_can_be_drawn_there_are_lines(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    ran = watch("state --watch" + ("" if changed else " --json"), [page(charger("c1", 70))])
    assert "\x1b" not in ran.output
    assert "c1" in ran.output.splitlines()[-1]


def test_rentals_are_watched_by_state(watch: Watch, registry: FakeRegistry) -> None:
    rental = {"id": "d0a76458-117d-49e4-90b3-7fcdf758705e", "charger": "c1", "widget": "w1"}
    yellow = {**rental, "reached_80_at": "2026-11-24T08:00:00Z"}
    ran = watch("rentals --watch", [page(rental), page(rental), page(yellow)])
    assert [line[0] for line in lines_of(ran)] == ["id", rental["id"], rental["id"]]
    assert "80 % since 2026-11-24" in ran.output.splitlines()[-1]
    assert registry.queries()[0] == {"state": "open", "limit": "1000"}
    watch("rentals list --watch --charged-for 30", [page()])
    assert registry.queries()[-1] == {"charged_for_minutes": "30", "limit": "1000"}


@pytest.mark.usefixtures("terminal")
def test_the_hub_is_drawn_as_a_screen_of_its_own(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    answers: Answers = [httpx.Response(200, json=hub()), AWAY]
    ran = watch("hub --watch", answers)
    assert (ran.code, ran.errors) == (130, "")
    first, second = (each for each in ran.output.split("\x1b[H") if "Version" in each)
    assert "Partitions" in first
    assert "until Ctrl-C" in first
    assert "no registry answers" in second
    assert ran.output.endswith("\x1b[?25h\x1b[?1049l")
