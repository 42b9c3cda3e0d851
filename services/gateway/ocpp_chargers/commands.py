"""Operators' commands to the chargers connected here that speak OCPP.

A command comes on the channel of its charger's partition, which is heard only while a charger of it
is here that speaks OCPP. It names the epoch of one connection, and no other one takes it. When its
turn comes, Redis says whether that connection still counts, and whether there is still time; after
that, it is sent within that time or not at all.

Nothing here is tried again. An operator who cannot be told what came of a command waits in vain for
a moment, which is better than a command that is sent twice or late.
"""

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.ocpp.turn import CommandDue
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument, Call
from shared.bus.subscriber import Subscriber
from shared.contract.charger_commands import (
    Command,
    CommandResult,
    Unsent,
    decode_command,
    encode_message,
)
from shared.contract.names import Names
from shared.contract.tolerant_json import NOT_DECODABLE
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_MICROSECONDS: Final = 1_000_000
_SUPERSEDED: Final = b"superseded"
_MOST_REMEMBERED: Final = 1000
"""Commands that were taken: one that comes twice is taken once."""


class Commanded(Protocol):
    """A connection that takes commands (`OcppConnection`)."""

    device_id: str
    partition: int
    epoch: int | None

    def take_command(self, command: Command) -> None:
        """Queue a command."""

    def on_command_checked(self, command_id: str, *, may_send: bool) -> None:
        """Send a command that was due, or give it up."""


class _Due(NamedTuple):
    charger: Commanded
    command: CommandDue


@dataclass(eq=False, repr=False)
class OperatorCommands:
    """Hears commands, has Redis judge those that are due, and tells what came of them."""

    bus: Bus
    """One that no reading waits for."""
    subscriber: Subscriber
    """One of its own: a Redis that refuses it refuses no doorbell of a light."""
    names: Names
    clock: Callable[[], float]
    rng: random.Random

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._chargers: defaultdict[int, set[Commanded]] = defaultdict(set)
        self._partitions = {names.commands: names.partition for names in self.names.chargers}
        self._taken: deque[tuple[str, str]] = deque(maxlen=_MOST_REMEMBERED)
        self._due: list[_Due] = []
        self._results: list[CommandResult] = []
        self._needed, self._wake = asyncio.Event(), asyncio.Event()
        self._failure_log = RateLimitedLog(_log, "operators' commands fail", self.clock)

    # Events of connections.

    def listen_for(self, charger: Commanded) -> None:
        """Hear commands to a charger that has its epoch."""
        chargers = self._chargers[charger.partition]
        if not chargers:
            self.subscriber.subscribe([self.names.chargers[charger.partition].commands], self)
        chargers.add(charger)
        self._needed.set()

    def forget(self, charger: Commanded) -> None:
        """Hear no more commands to a connection that ended."""
        chargers = self._chargers[charger.partition]
        if charger in chargers:
            chargers.remove(charger)
            if not chargers:
                self.subscriber.unsubscribe([self.names.chargers[charger.partition].commands])

    def check(self, charger: Commanded, command: CommandDue) -> None:
        """Have Redis say whether a command that is due may be sent."""
        self._due.append(_Due(charger, command))
        self._wake.set()

    def tell(self, result: CommandResult) -> None:
        """Tell what came of a command."""
        self._results.append(result)
        self._wake.set()

    # Events of Redis.

    def on_message(self, channel: str, payload: bytes) -> None:
        """Take a command, if it is to a connection that is here."""
        try:
            command = decode_command(payload)
        except NOT_DECODABLE as error:
            # Anything can be published with redis-cli, and another version may have others.
            _log.warning("not a command", channel=channel, reason=str(error))
            return
        for charger in tuple(self._chargers[self._partitions[channel]]):
            is_meant = (charger.device_id, charger.epoch) == (command.charger, command.epoch)
            key = (command.charger, command.id)
            if is_meant and key not in self._taken:
                self._taken.append(key)
                charger.take_command(command)

    def on_confirmed(self, channels: list[str]) -> None:
        """Do nothing: what was published before is not sent any more."""

    # Work.

    async def hear(self) -> None:
        """Hear commands until cancelled, once there is a charger to take them."""
        await self._needed.wait()
        await self.subscriber.run()

    async def run(self) -> None:
        """Check and tell, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._check_due()
                await self._tell_all()
            except BusUnavailableError as error:
                self._failure_log.log(error)
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    async def _check_due(self) -> None:
        due, self._due = self._due, []
        if not due:
            return
        calls = [self._call(each) for each in due]
        asked_at = self.clock()
        try:
            answers = await self.bus.run(calls, return_errors=True)
        except BusUnavailableError:
            for each in due:
                each.charger.on_command_checked(each.command.command_id, may_send=False)
            raise
        # Counted from before Redis was asked: this process may have been paused since.
        passed = (self.clock() - asked_at) * _MICROSECONDS
        for each, answer in zip(due, answers, strict=True):
            unsent = self._unsent_because(answer, passed)
            each.charger.on_command_checked(each.command.command_id, may_send=unsent is None)
            if unsent is not None:
                self._tell_unsent(each, unsent)

    def _unsent_because(self, answer: Any, passed: float) -> Unsent | None:
        """Return why a command is not sent, so many µs after Redis was asked; None: it is."""
        if isinstance(answer, ResponseError):
            # A key of another type, so that no connection counts.
            self._failure_log.log(answer)
            return Unsent.SUPERSEDED
        if answer == _SUPERSEDED:
            return Unsent.SUPERSEDED
        return None if passed < int(answer) else Unsent.LATE

    def _call(self, due: _Due) -> Call:
        charger, command = due
        words: list[Argument] = [charger.device_id, charger.epoch or 0, command.deadline]
        return Call(scripts.MAY_SEND, (self.names.chargers[charger.partition].live,), words)

    def _tell_unsent(self, due: _Due, why: Unsent) -> None:
        command_id = due.command.command_id
        self._results.append(
            CommandResult(id=command_id, charger=due.charger.device_id, unsent=why)
        )

    async def _tell_all(self) -> None:
        results, self._results = self._results, []
        if not results:
            return
        commands: list[list[Argument]] = [
            ["PUBLISH", self.names.of_charger(each.charger).command_results, encode_message(each)]
            for each in results
        ]
        for answer in await self.bus.commands(commands, return_errors=True):
            if isinstance(answer, ResponseError):
                self._failure_log.log(answer)
