"""What must be told, and which part of it first."""

from services.registry.notify.conditions.changes import Changes, Condition, Over


def test_what_is_over_comes_first_and_no_more_than_asked_for() -> None:
    new = tuple(Condition("kind", subject, "hub") for subject in "abc")
    changes = Changes(new, (Over("kind", "d"), Over("kind", "e")))
    assert len(changes) == 5
    assert changes.first(1) == Changes((), changes.over[:1])
    assert changes.first(4) == Changes(new[:2], changes.over)
    assert changes.first(5) == changes.first(9) == changes
