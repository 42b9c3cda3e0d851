"""Operators' commands in the words of OCPP, and what chargers answer in ours.

https://openchargealliance.org/my-oca/ocpp/ (1.6, sections 5 and 6; 2.0.1, part 2, sections E to G)
"""

from typing import Final

import msgspec

from services.gateway.ocpp.hub_calls.asking import Question, trigger
from services.gateway.ocpp.hub_calls.calls import HubCall
from services.gateway.ocpp.messages import Status, StatusWithInfo, read, text
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import CommandAnswer
from shared.contract.charger_commands import Command, CommandName, CommandResult

_ACCEPTED: Final = frozenset(("Accepted", "Scheduled", "Unlocked"))
_MOST_CHARACTERS: Final = 200


def call_of(version: Version, command: Command) -> HubCall:
    """Return the call that a command is."""
    question = _question_of(version, command.command, command.connector)
    asked = command.connector if command.command is CommandName.REPORT_LEVEL else 0
    return HubCall(*question, "command", asked, command.id, command.deadline)


def result_of(charger_id: str, answer: CommandAnswer) -> CommandResult:
    """Return what is told of a charger's answer."""
    status, info = answer.error, ""
    if answer.payload is not None:
        found = read(answer.payload, StatusWithInfo)
        # What it says besides may be anything; the status counts all the same.
        said = found or read(answer.payload, Status)
        status = text(said.status) if said is not None else ""
        why = found.status_info if found is not None else None
        parts = (why.reason_code, why.additional_info) if why is not None else ()
        info = ": ".join(filter(None, (text(part, _MOST_CHARACTERS) for part in parts)))
    is_accepted = answer.payload is not None and status in _ACCEPTED
    return CommandResult(
        id=answer.command_id,
        charger=charger_id,
        status=text(status),
        info=info,
        accepted=is_accepted,
    )


def _question_of(version: Version, name: CommandName, connector: int) -> Question:
    is_16 = version is Version.V16
    own: dict[str, object] = {"connectorId": connector}
    match name:
        case CommandName.RESET:
            # Both stop what is being charged before they start again.
            return _question("Reset", {"type": "Soft" if is_16 else "Immediate"})
        case CommandName.UNLOCK:
            first: dict[str, object] = {"evseId": connector, "connectorId": 1}
            return _question("UnlockConnector", own if is_16 else first)
        case CommandName.ENABLE | CommandName.DISABLE:
            state = "Operative" if name is CommandName.ENABLE else "Inoperative"
            evse: dict[str, object] = {"evse": {"id": connector}, "operationalStatus": state}
            return _question("ChangeAvailability", {**own, "type": state} if is_16 else evse)
        case CommandName.REPORT_LEVEL:
            return trigger(version, connector)
        case CommandName.REPORT_STATUS:
            # Without a connector 2.x rejects it (F06.FR.12).
            place = own if is_16 else {"evse": {"id": connector, "connectorId": 1}}
            return _question("TriggerMessage", {"requestedMessage": "StatusNotification", **place})


def _question(action: str, payload: dict[str, object]) -> Question:
    return Question(action, msgspec.json.encode(payload))
