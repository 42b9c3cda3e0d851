"""A server's clock steps while it runs; without that, the rows with clocks would prove nothing."""

import contextlib
import time
from collections.abc import Callable

import pytest
import redis

from tests.faults import stepping_clock
from tests.faults.stepping_clock import SteppingRedis
from tools.servers.installed import Programs
from tools.servers.redis.open import embedded_programs
from tools.servers.wheels import OLDEST_REDIS, NoServerError, unpack

BECAUSE = stepping_clock.unavailable_because()


@pytest.mark.skipif(BECAUSE is not None, reason=BECAUSE or "")
@pytest.mark.parametrize(
    "programs",
    [lambda: embedded_programs("")[0], lambda: unpack(OLDEST_REDIS)],
    ids=["present", "oldest"],
)
def test_a_redis_steps_while_it_runs_in_scripts_and_out_of_them(
    programs: Callable[[], Programs],
) -> None:
    try:
        server = SteppingRedis(programs(), "steps")
    except NoServerError as error:
        pytest.skip(str(error))
    with contextlib.closing(server), redis.Redis.from_url(server.url) as client:
        script = client.register_script("return redis.call('TIME')[1]")
        for seconds in (0, -60, 3600, 0.5):
            server.clock.offset = seconds
            wait_until_ahead(client, seconds)
            assert abs(int(script()) - time.time() - seconds) < 1.2
        server.kill()
        server.start()
        wait_until_ahead(client, 0.5)


def wait_until_ahead(client: redis.Redis, seconds: float) -> None:
    """Return once the server tells the new time: it may tell that of its last turn once more."""
    deadline = time.monotonic() + 2
    ahead = None
    while time.monotonic() < deadline:
        now, microseconds = client.time()
        ahead = now + microseconds / 1e6 - time.time()
        if abs(ahead - seconds) < 0.2:
            return
    raise AssertionError(f"{ahead} s ahead, not {seconds} s")
