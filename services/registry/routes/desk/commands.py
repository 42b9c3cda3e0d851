"""REST: what an operator can have a charger do that speaks OCPP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID, uuid4

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.problems import problem_responses
from services.registry.api.representations import RequestBody
from services.registry.commands.command_service import Wanted
from services.registry.devices import devices
from services.registry.routes.dependencies import AnyId, OperatorDep, PartsDep
from shared.contract.charger_commands import OF_WHOLE_CHARGER, CommandName
from shared.contract.connectors import charger_of
from shared.contract.devices import Kind

_EXAMPLE = "0f5b5a3e-9d0c-4c5e-8a43-3f6f0a2c9b11"

_CommandName = Annotated[
    CommandName,
    Field(
        description="`reset`: the charger stops what it charges, and starts again. `unlock`: it "
        "lets go the cable. `disable`, `enable`: it takes the connector out of service, or puts it "
        "back. `report-level`, `report-status`: it says its state of charge, or its state, now",
        examples=["unlock"],
    ),
]
_CommandId = Field(description="Of this command, for this charger", examples=[_EXAMPLE])

routes = GuardedRouter(tags=["chargers"])


class CommandToSend(RequestBody):
    """What a charger is to do."""

    command: _CommandName
    id: Annotated[UUID, _CommandId] = Field(default_factory=uuid4)


class AnsweredCommand(BaseModel):
    """What a charger answered to a command."""

    id: Annotated[UUID, _CommandId]
    charger: str = Field(description="The charger, or the connector", examples=["c1234"])
    command: _CommandName
    accepted: bool = Field(description="Whether it does it, or has done it")
    status: str = Field(
        description="Its answer in its own word, such as `Accepted`, `Rejected`, `Scheduled`, "
        "`UnlockFailed`; or the code of its error, such as `NotImplemented`; empty: none",
        examples=["Unlocked"],
    )
    info: str = Field(description="What it says besides, in OCPP 2; empty: nothing", examples=[""])


@routes.post(
    "/chargers/{charger_id}/commands",
    operation_id="command_charger",
    summary="Have a charger that speaks OCPP do something",
    description="Answered once the charger has answered, within 15 s. Sent once at most: repeated "
    "with the same `id` it is not sent again, and the answer is the one of then.",
    responses=problem_responses(
        HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GATEWAY_TIMEOUT
    ),
)
async def command(
    charger_id: AnyId, wanted: CommandToSend, operator: OperatorDep, parts: PartsDep
) -> AnsweredCommand:
    devices.require_possible(Kind.CHARGER, charger_id)
    whole = charger_of(charger_id)
    if whole is not None and wanted.command in OF_WHOLE_CHARGER:
        where = {"type": "value_error", "loc": ("body", "command"), "input": wanted.command}
        what = f"{wanted.command} is of the whole charger: send it to {whole}"
        raise RequestValidationError([{**where, "msg": f"Value error, {what}"}])
    answer = await parts.commands.send(Wanted(charger_id, wanted.command, str(wanted.id), operator))
    return AnsweredCommand(
        id=wanted.id, charger=charger_id, command=wanted.command, **answer._asdict()
    )
