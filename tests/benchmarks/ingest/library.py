"""The asyncio server of `websockets` as it comes, and a handler as its manual shows it."""

import json
from contextlib import AsyncExitStack

from websockets.asyncio.server import ServerConnection, serve

from shared.process.metrics.fast_counter import FastCounter
from tests.benchmarks.ingest.serving import BACKLOG, HOST, main


async def _open(port: int, received: FastCounter, stack: AsyncExitStack) -> None:
    async def handle(connection: ServerConnection) -> None:
        async for message in connection:
            reading = json.loads(message)
            if reading["event"] == "StateOfCharge" and 0 <= reading["data"]["soc"] <= 100:
                received.value += 1

    await stack.enter_async_context(serve(handle, HOST, port, backlog=BACKLOG))


if __name__ == "__main__":
    main(_open, fast_loop=False)
