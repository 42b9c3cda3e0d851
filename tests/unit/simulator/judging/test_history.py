from datetime import UTC, datetime, timedelta

from services.simulator.judging.history import History
from shared.contract.device_protocol import ChargingStatus

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_repetitions_are_one_entry_with_a_count() -> None:
    history = History(5)
    for second in range(3):
        history.add("red", ChargingStatus.CHARGING, START + timedelta(seconds=second))
    [entry] = history
    assert (entry.times, entry.first, entry.last) == (3, START, START + timedelta(seconds=2))


def test_the_newest_entry_comes_first_and_the_oldest_are_forgotten() -> None:
    history = History(2)
    for words in ("one", "two", "three"):
        history.add(words, None, START)
    assert [entry.words for entry in history] == ["three", "two"]
