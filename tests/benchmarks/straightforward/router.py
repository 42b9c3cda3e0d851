"""Router: a reading in, the status of the paired widget out."""

import asyncio
import json
import os

from redis.asyncio import Redis

from tests.benchmarks.straightforward.names import (
    PAIRINGS,
    READINGS,
    READY,
    REDIS_URL_VARIABLE,
    STATUSES,
)


def status_of(soc: float) -> str:
    if soc >= 100:
        return "charged"
    return "charging80" if soc >= 80 else "charging"


async def main() -> None:
    redis = Redis.from_url(os.environ[REDIS_URL_VARIABLE], decode_responses=True)
    widget_of = await redis.hgetall(PAIRINGS)
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(READINGS)
        print(READY, flush=True)  # noqa: T201 - for the process that started it
        async for message in pubsub.listen():
            if message["type"] != "message":
                continue
            reading = json.loads(message["data"])
            widget = widget_of.get(reading["charger"])
            if widget is not None:
                status = {"widget": widget, "status": status_of(reading["soc"])}
                await redis.publish(STATUSES, json.dumps(status))


if __name__ == "__main__":
    asyncio.run(main())
