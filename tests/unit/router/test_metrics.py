"""For how long chargers have been pending, from one look to the next."""

from services.router.metrics import Pending


class Looks:
    def __init__(self) -> None:
        self.now = 100.0
        self.pending = Pending(lambda: self.now)

    def look(self, *overdue: str, partition: int = 1, count: int = 0, is_all: bool = True) -> None:
        self.pending.note(partition, count or len(overdue), overdue, is_all=is_all, for_seconds=0.5)


def test_nothing_overdue_is_0() -> None:
    looks = Looks()
    looks.look(count=3)
    assert (looks.pending.count, looks.pending.oldest_seconds) == (3, 0)


def test_one_that_is_found_again_and_again_grows_old() -> None:
    looks = Looks()
    looks.look("c1")
    looks.now += 2
    looks.look("c1", "c2")
    assert looks.pending.oldest_seconds == 2.5
    looks.look("c2")
    assert looks.pending.oldest_seconds == 0.5
    looks.look()
    assert looks.pending.oldest_seconds == 0


def test_a_look_that_was_too_short_for_all_forgets_nobody() -> None:
    looks = Looks()
    looks.look("c1")
    looks.now += 2
    looks.look("c2", count=200, is_all=False)
    assert (looks.pending.count, looks.pending.oldest_seconds) == (200, 2.5)


def test_partitions_add_up_until_another_router_has_them() -> None:
    looks = Looks()
    looks.look("c1", partition=1)
    looks.now += 2
    looks.look("c2", partition=2, count=5)
    assert (looks.pending.count, looks.pending.oldest_seconds) == (6, 2.5)
    looks.pending.forget([1, 3])
    assert (looks.pending.count, looks.pending.oldest_seconds) == (5, 0.5)
