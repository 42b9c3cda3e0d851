"""Which booths are watched."""

from services.registry.feed.watching import LINGER_SECONDS, Watching
from tests.unit.gateway.fake_device import Clock


def test_a_booth_is_watched_a_while_longer_than_it_is() -> None:
    clock = Clock()
    watching = Watching(clock)
    assert watching.booths() == set()
    watching.begin("near")
    watching.begin("near")
    watching.begin(None)
    watching.end("near")
    clock.now += 2 * LINGER_SECONDS
    assert watching.booths() == {"near", None}
    watching.end("near")
    watching.end(None)
    clock.now += LINGER_SECONDS / 2
    assert watching.booths() == {"near", None}
    watching.begin(None)
    clock.now += LINGER_SECONDS
    assert watching.booths() == {None}
