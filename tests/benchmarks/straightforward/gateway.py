"""Gateway: readings of chargers to Redis, statuses from Redis to widgets."""

import asyncio
import json
import os

from redis.asyncio import Redis
from websockets.asyncio.server import ServerConnection, serve

from tests.benchmarks.straightforward.names import (
    PORT_VARIABLE,
    READINGS,
    READY,
    REDIS_URL_VARIABLE,
    STATUSES,
)


async def main() -> None:
    redis = Redis.from_url(os.environ[REDIS_URL_VARIABLE])
    widgets: dict[str, ServerConnection] = {}

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        _, kind, device_id = connection.request.path.split("/")
        if kind == "chargers":
            await serve_charger(connection, device_id)
        else:
            widgets[device_id] = connection
            try:
                await connection.wait_closed()
            finally:
                del widgets[device_id]

    async def serve_charger(connection: ServerConnection, charger: str) -> None:
        async for text in connection:
            message = json.loads(text)
            soc = message["data"]["soc"]
            if message["event"] != "StateOfCharge" or not 0 <= soc <= 100:
                await connection.send('{"event":"error","data":{"code":"invalid"}}')
                continue
            await redis.publish(READINGS, json.dumps({"charger": charger, "soc": soc}))

    async with redis.pubsub() as pubsub, serve(handle, "127.0.0.1", int(os.environ[PORT_VARIABLE])):
        await pubsub.subscribe(STATUSES)
        print(READY, flush=True)  # noqa: T201 - for the process that started it
        async for message in pubsub.listen():
            if message["type"] != "message":
                continue
            status = json.loads(message["data"])
            widget = widgets.get(status["widget"])
            if widget is not None:
                event = {"event": "chargingStatus", "data": {"status": status["status"]}}
                await widget.send(json.dumps(event, separators=(",", ":")))


if __name__ == "__main__":
    asyncio.run(main())
