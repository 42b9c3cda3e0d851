"""The process of an attacker: ``python -m tests.e2e.door.attacker``.

A line with an attack and a port begins one, which goes on as fast as it can until the next line,
but is bounded in time and in connections. It comes from many loopback addresses, and never leaves
this machine. The line ``spin`` with a share of a processor: it only uses as much of it.
"""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from typing import Any, Final, cast

import uvloop

from tests.e2e.crowd import standard_input, tell
from tests.e2e.door.attacks import ATTACKS, Attack, Then, client_tls
from tests.fixtures.hub import HOST

CUT_OFF: Final = 0
"""In place of the status of an answer: there was none."""
ENCRYPTED: Final = 1
"""Likewise: TLS was spoken."""
_MOST_CONNECTIONS: Final = 200_000
_MOST_SECONDS: Final = 60.0
_HURRY_SECONDS: Final = 0.1
_SPIN_SECONDS: Final = 0.01


class Socket(asyncio.Protocol):
    """Sends what it is told to, and notes the status of the answer."""

    transport: asyncio.Transport

    def __init__(self, sends: bytes) -> None:
        self._sends = sends
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        if self._sends:
            self.transport.write(self._sends)

    def data_received(self, data: bytes) -> None:
        self.answer(int(data[9:12]) if data.startswith(b"HTTP/1.1 ") else ENCRYPTED)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - any end is alike
        self.answer(CUT_OFF)
        if not self.ended.done():
            self.ended.set_result(None)

    def answer(self, status: int) -> None:
        """Note the answer; a second one changes nothing."""
        if not self.answered.done():
            self.answered.set_result(status)


class Attacker:
    """All sockets of one attack."""

    def __init__(self, attack: Attack, port: int) -> None:
        self._attack = attack
        self._port = port
        self._tls = client_tls() if attack.finishes_tls else None
        self._numbers = iter(range(_MOST_CONNECTIONS))
        self._all_tried = asyncio.Event()
        self.made = 0
        self.answers: Counter[int] = Counter()

    async def run(self, stop: asyncio.Task[bytes]) -> dict[Any, Any]:
        """Attack until told to stop; tell when all sockets have been tried once."""
        attack, began = self._attack, time.monotonic()
        tasks = [
            asyncio.create_task(self._use(f"127.0.0.{2 + number % 250}"))
            for number in range(attack.sockets)
        ]
        async with asyncio.timeout(_MOST_SECONDS):
            await self._all_tried.wait()
        tell({})
        await asyncio.wait([stop], timeout=_MOST_SECONDS)
        seconds = time.monotonic() - began
        for task in tasks:
            task.cancel()
        return {"per_second": self.made / seconds, "answers": self.answers}

    async def _use(self, address: str) -> None:
        for number in self._numbers:
            socket = Socket(self._attack.sends(number))
            with contextlib.suppress(OSError):
                await self._connect(socket, address)
                try:
                    self._count()
                    await self._go_on(socket)
                finally:
                    socket.transport.abort()

    async def _connect(self, socket: Socket, address: str) -> None:
        await asyncio.get_running_loop().create_connection(
            lambda: socket, HOST, self._port, local_addr=(address, 0), ssl=self._tls
        )

    def _count(self) -> None:
        self.made += 1
        if self.made == self._attack.sockets:
            self._all_tried.set()

    async def _go_on(self, socket: Socket) -> None:
        socket.answered.add_done_callback(self._note)
        match self._attack.then:
            case Then.STAY:
                await socket.ended
            case _ if self._tls is not None:
                socket.answer(ENCRYPTED)
            case Then.LEAVE:
                await socket.answered
            case Then.HURRY:
                await asyncio.wait([socket.answered], timeout=_HURRY_SECONDS)

    def _note(self, answered: asyncio.Future[int]) -> None:
        if not answered.cancelled():
            self.answers[answered.result()] += 1


async def _spin(share: float, stop: asyncio.Task[bytes]) -> dict[Any, Any]:
    """Use a share of a processor."""
    tell({})
    began, used = time.monotonic(), time.process_time()
    for turn in itertools.count(1):
        if stop.done() or time.monotonic() - began > _MOST_SECONDS:
            break
        while time.process_time() - used < turn * share * _SPIN_SECONDS:
            pass
        await asyncio.sleep(max(0.0, began + turn * _SPIN_SECONDS - time.monotonic()))
    return {}


def _on_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # uvloop complains of each connection with TLS that is cut off while it reads.
    if "SSL" not in context["message"]:
        loop.default_exception_handler(context)


async def main() -> None:
    """Do what the lines say, until there are no more."""
    lines = await standard_input()
    asyncio.get_running_loop().set_exception_handler(_on_exception)
    while order := (await lines.readline()).decode():
        name, _, number = order.rpartition(" ")
        stop = asyncio.create_task(lines.readline())
        if name == "spin":
            told = await _spin(float(number), stop)
        else:
            told = await Attacker(ATTACKS[name], int(number)).run(stop)
        await stop
        tell(told)


if __name__ == "__main__":
    uvloop.run(main())
