"""How long readings wait for a router: what is found once is no news, what stays is."""

from services.router.metrics import OverdueAges


def test_what_is_found_once_and_routed_does_not_wait() -> None:
    ages = OverdueAges()
    ages.note(["c1", "c2"], 10.0)
    assert ages.count_and_oldest(10.0) == (0, 0.0)
    assert ages.count_and_oldest(20.0) == (0, 0.0)


def test_what_is_found_again_waits_and_the_oldest_counts() -> None:
    ages = OverdueAges()
    ages.note(["c1"], 10.0)
    ages.note(["c1", "c2"], 12.0)
    ages.note(["c2"], 12.5)
    assert ages.count_and_oldest(13.0) == (2, 3.5)  # it was overdue when it was found first


def test_a_look_that_follows_at_once_says_nothing_new() -> None:
    ages = OverdueAges()
    ages.note(["c1"], 10.0)
    ages.note(["c1"], 10.01)
    assert ages.count_and_oldest(10.1) == (0, 0.0)


def test_what_is_not_found_any_more_is_forgotten() -> None:
    ages = OverdueAges()
    for moment in (10.0, 10.5, 11.0):
        ages.note(["c1"], moment)
    ages.note([], 13.9)
    assert ages.count_and_oldest(13.9) == (1, 4.4)
    ages.note([], 14.1)
    assert ages.count_and_oldest(14.1) == (0, 0.0)
    ages.note(["c1"], 20.0)
    ages.note(["c1"], 20.5)
    assert ages.count_and_oldest(20.5) == (1, 1.0)


def test_after_a_pause_it_counts_from_the_beginning() -> None:
    ages = OverdueAges()
    ages.note(["c1"], 10.0)
    ages.note(["c1"], 60.0)
    assert ages.count_and_oldest(60.0) == (0, 0.0)


def test_while_nobody_can_look_it_waits_on() -> None:
    ages = OverdueAges()
    for moment in (10.0, 10.5):
        ages.note(["c1"], moment)
    assert ages.count_and_oldest(70.0) == (1, 60.5)


def test_what_was_routed_does_not_wait_any_more() -> None:
    ages = OverdueAges()
    for moment in (10.0, 10.5, 11.0):
        ages.note(["c1"], moment)
        ages.forget("c1")
    assert ages.count_and_oldest(11.0) == (0, 0.0)
    assert len(ages) == 0


def test_it_remembers_a_bounded_number() -> None:
    ages = OverdueAges()
    ages.note(map(str, range(20_000)), 10.0)
    ages.note(map(str, range(20_000)), 10.5)
    assert ages.count_and_oldest(10.5) == (10_000, 1.0)
