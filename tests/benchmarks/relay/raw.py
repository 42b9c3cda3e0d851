"""A raw Redis publish reaching a raw subscriber in another process: ``python -m … URL COUNT RATE``.

That is one of the hops that a reading takes in a hub, with nothing done about it: two processes
under uvloop, and redis-py as it comes. They are woken as rarely as the processes of the hub are
at that rate, since waking up is a good part of such a hop. Prints the times as JSON, in seconds,
each from the call of ``publish`` to the message being there.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE

import uvloop
from redis.asyncio import Redis

from tests.fixtures.processes import ROOT

_WARM_UP = 100
_CHANNEL = "benchmark-raw"
_DEADLINE_SECONDS = 120


async def _publish(url: str, count: int, rate: float) -> str:
    subscriber = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __spec__.name, url, str(count), stdout=PIPE, cwd=ROOT
    )
    assert subscriber.stdout is not None
    await subscriber.stdout.readline()  # it is subscribed
    async with Redis.from_url(url) as client:
        began = time.monotonic()
        for number in range(count + _WARM_UP):
            due = began + number / rate
            # There is nothing else to do, and timers of the loop go by milliseconds.
            time.sleep(max(0.0, due - time.monotonic()))  # noqa: ASYNC251
            await client.publish(_CHANNEL, repr(time.monotonic()))
    output, _ = await subscriber.communicate()
    return output.decode()


async def _subscribe(url: str, count: int) -> None:
    took: list[float] = []
    async with Redis.from_url(url) as client, client.pubsub() as subscriber:
        await subscriber.subscribe(_CHANNEL)
        await subscriber.get_message(timeout=5)
        sys.stdout.write("subscribed\n")
        sys.stdout.flush()
        async for message in subscriber.listen():
            took.append(time.monotonic() - float(message["data"]))
            if len(took) == count + _WARM_UP:
                break
    sys.stdout.write(json.dumps(took[_WARM_UP:]) + "\n")


async def _run(url: str, count: int, rate: str | None = None) -> None:
    async with asyncio.timeout(_DEADLINE_SECONDS):
        if rate is None:
            await _subscribe(url, count)
        else:
            sys.stdout.write(await _publish(url, count, float(rate)))


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))


if __name__ == "__main__":
    main()
