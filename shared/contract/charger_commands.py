"""Operators' commands to chargers that speak OCPP: the list of them, and their way through Redis.

A registry publishes a command on the channel of the charger's partition (``{pNN}:commands``), a
gateway what came of it (``{pNN}:command-results``). Nothing of it is stored: a command that is lost
is not sent, and is not sent again.

The decoders raise one of `shared.contract.tolerant_json.NOT_DECODABLE`.
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from shared.contract.connectors import MOST_CONNECTORS
from shared.contract.doorbells import Count


class CommandName(StrEnum):
    """What an operator can have a charger do: a closed set."""

    RESET = "reset"
    """Stop what is being charged, and start again. Of the whole charger."""
    UNLOCK = "unlock"
    """Let go the cable of a connector."""
    ENABLE = "enable"
    """Put a connector into service."""
    DISABLE = "disable"
    """Take a connector out of service, also across a start of the charger."""
    REPORT_LEVEL = "report-level"
    """Say the state of charge now."""
    REPORT_STATUS = "report-status"
    """Say the state of a connector now."""


OF_WHOLE_CHARGER: Final = frozenset({CommandName.RESET})
"""Those that are not of one connector."""

CommandId = Annotated[str, msgspec.Meta(min_length=1, max_length=36)]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command, on its way to a gateway."""

    id: CommandId
    command: CommandName
    charger: str
    """Whose connection it is for: no connector's id."""
    connector: Annotated[int, msgspec.Meta(ge=1, le=MOST_CONNECTORS)] = 1
    epoch: Count
    """Of the connection that sends it; no other one does."""
    deadline: Count
    """When it is not sent any more, in µs of Redis' time."""


class Unsent(StrEnum):
    """Why a gateway has not sent a command: a closed set."""

    SUPERSEDED = "superseded"
    """A newer connection of the charger counts."""
    LATE = "late"
    """Its deadline has passed."""
    BUSY = "busy"
    """As many calls wait for the charger as may."""
    NOT_OCPP = "not_ocpp"
    """The charger has turned out to speak our own dialect."""


class CommandResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a command."""

    id: CommandId
    charger: str
    status: str = ""
    """The charger's answer, or the code of its error, in its own word."""
    info: str = ""
    """What it says besides."""
    accepted: bool = False
    """Whether that word means that it does it, or has done it."""
    unsent: Unsent | None = None
    """If it was not sent: why."""


decode_command = msgspec.json.Decoder(Command).decode
decode_command_result = msgspec.json.Decoder(CommandResult).decode
encode_message = msgspec.json.Encoder().encode
