"""Sends an operator's command to a charger, once at most, and waits for what comes of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

from services.registry.commands import command_log
from services.registry.commands.hearing import hearing, not_allowed
from services.registry.commands.recipient import Recipient, recipient_of
from services.registry.edge.slots import Slots
from services.registry.errors import (
    ChargerOfflineError,
    CommandIdTakenError,
    CommandNotSentError,
    NoAnswerError,
    SpeaksNoOcppError,
)
from services.registry.live.state_reader import StateReader
from services.registry.postgres.actor import Actor
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.refusals.refusal import RefusedError
from shared.bus.subscriber import Subscriber
from shared.contract.charger_commands import (
    Command,
    CommandName,
    CommandResult,
    Unsent,
    encode_message,
)
from shared.contract.connectors import charger_of, read_connector_id
from shared.contract.names import Names
from shared.process import logs

_MOST_AT_ONCE: Final = 50
_MICROSECONDS: Final = 1_000_000

_log = logs.get(__name__)


class Answer(NamedTuple):
    """What a charger answered to a command."""

    accepted: bool
    """Whether it does it, or has done it."""
    status: str
    """In its own word."""
    info: str
    """What it says besides; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A command that an operator sends."""

    charger: str
    """Or a connector."""
    command: CommandName
    id: str
    by: Actor


@dataclass(eq=False, repr=False)
class CommandService:
    """Passes commands on to the gateways that have the chargers."""

    database: Database
    reader: StateReader
    bus: Bus
    names: Names
    new_subscriber: Callable[[], Subscriber]
    answer_seconds: ClassVar[float] = 15.0
    """How long a command may be sent, and is waited for: less than clients and proxies wait."""

    def __post_init__(self) -> None:
        self._slots = Slots(_MOST_AT_ONCE, "commands")
        self._stopping = asyncio.Event()

    def stop_waiting(self) -> None:
        """Answer requests that wait for a charger: the registry stops."""
        self._stopping.set()

    async def send(self, wanted: Wanted) -> Answer:
        """Send a command, and return the answer.

        One that was sent before is not sent again: the answer is the one of then.

        Raises:
            NotRegisteredError: There is no such charger.
            ChargerOfflineError: It is not connected.
            SpeaksNoOcppError: It takes no commands.
            CommandIdTakenError: The id is another command's, or its answer is not known.
            CommandNotSentError: It was certainly not sent, now or when its id was used before.
            NoAnswerError: None came in time.
            TooBusyError: As many commands as may be are waited for.
        """
        with self._slots.slot():
            if (known := await self._answered(wanted)) is not None:
                return known
            recipient = await self._recipient(wanted.charger)
            channel = self.names.of_charger(wanted.charger).command_results
            async with hearing(self.new_subscriber, channel, wanted.id) as result:
                # All that can fail before it is sent comes before it is noted.
                command = await self._command(wanted, recipient)
                await self._note(wanted)
                try:
                    await self._publish(command)
                    found = await result.wait(self.answer_seconds, self._stopping)
                    answer = _answer_in(found, recipient.charger)
                except (CommandNotSentError, ChargerOfflineError, SpeaksNoOcppError) as error:
                    await self._note_outcome(wanted, {"unsent": str(error)})
                    raise
            _log.info(
                "commanded", id=wanted.charger, command=wanted.command.value, status=answer.status
            )
            await self._note_outcome(wanted, answer._asdict())
            return answer

    async def _answered(self, wanted: Wanted) -> Answer | None:
        """Return what was answered to a command before; None: there was none with this id."""
        async with self.database.connection() as connection:
            noted = await command_log.find(connection, wanted.charger, wanted.id)
        if noted is None:
            return None
        if noted.command != wanted.command:
            raise CommandIdTakenError(f"this id is that of the command {noted.command} of before")
        if noted.is_unsent:
            raise CommandNotSentError("this command was not sent; send it with another id")
        if noted.answer is None:
            raise CommandIdTakenError(
                "this command was passed on before, and it is not known what the charger answered. "
                "It is not sent again; to do so, send it with another id"
            )
        return Answer(**noted.answer)

    async def _recipient(self, charger: str) -> Recipient:
        ids = [charger, charger_of(charger) or charger]
        (commanded, of_charger), environment = await self.reader.chargers(ids)
        return recipient_of(commanded, of_charger, environment)

    async def _note(self, wanted: Wanted) -> None:
        async with self.database.write_transaction(wanted.by) as connection:
            # Looked for again, now that nobody else can note it.
            if await command_log.find(connection, wanted.charger, wanted.id) is not None:
                raise CommandIdTakenError("this command is being sent right now")
            await command_log.note(connection, wanted.by, wanted.charger, wanted.id, wanted.command)

    async def _note_outcome(self, wanted: Wanted, outcome: dict[str, Any]) -> None:
        try:
            async with self.database.write_transaction(wanted.by) as connection:
                await command_log.note_outcome(
                    connection, wanted.by, wanted.charger, wanted.id, outcome
                )
        except PostgresUnavailableError as error:
            # The operator must be told all the same.
            _log.warning("what came of a command is not in the audit log", reason=str(error))

    async def _command(self, wanted: Wanted, recipient: Recipient) -> Command:
        place = read_connector_id(wanted.charger)
        (now,) = await self.bus.times_of([self.names.of_charger(wanted.charger).live])
        return Command(
            id=wanted.id,
            command=wanted.command,
            charger=recipient.charger,
            connector=place.number if place else 1,
            epoch=recipient.epoch,
            deadline=now + round(self.answer_seconds * _MICROSECONDS),
        )

    async def _publish(self, command: Command) -> None:
        names = self.names.of_charger(command.charger)
        try:
            heard: Any = await self.bus.command("PUBLISH", names.commands, encode_message(command))
        except RefusedError as error:
            raise not_allowed(error) from error
        except BusUnavailableError as error:
            raise NoAnswerError("Redis went away while the command was sent") from error
        if not heard:
            raise CommandNotSentError(
                f"no gateway hears commands to {command.charger} right now. Nothing was sent"
            )


def _answer_in(result: CommandResult | None, charger: str) -> Answer:
    """Return the answer in a result.

    Raises:
        DomainError: There is none.
    """
    match result.unsent if result is not None else None:
        case Unsent.SUPERSEDED:
            raise ChargerOfflineError(charger, "it has just connected again")
        case Unsent.NOT_OCPP:
            raise SpeaksNoOcppError(charger)
        case Unsent.BUSY:
            raise CommandNotSentError(f"too many calls wait for {charger}. Nothing was sent")
        case Unsent.LATE:
            raise CommandNotSentError(f"{charger} was busy for too long. Nothing was sent")
    if result is None:
        raise NoAnswerError(
            f"{charger} did not answer in time. It may have got the command, once at most"
        )
    return Answer(result.accepted, result.status, result.info)
