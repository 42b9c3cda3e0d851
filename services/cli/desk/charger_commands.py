"""``chargelight chargers command``: have a charger that speaks OCPP do something."""

import uuid
from typing import Annotated

import typer

from services.cli.api import address
from services.cli.commands.arguments import ChargerId
from services.cli.failures import UnreachableError
from services.cli.session import session_of
from shared.contract.charger_commands import CommandName


def with_commands(chargers: typer.Typer) -> typer.Typer:
    """Add the command that commands a charger."""

    @chargers.command("command", help="Have a charger that speaks OCPP do something.")
    def command(
        context: typer.Context,
        charger: ChargerId,
        name: Annotated[CommandName, typer.Argument(metavar="COMMAND", help=_WHAT)],
        *,
        command_id: Annotated[
            uuid.UUID | None,
            typer.Option("--id", metavar="ID", help="To ask again what came of a command."),
        ] = None,
    ) -> None:
        session = session_of(context)
        command_id = command_id or uuid.uuid4()
        body = {"command": name.value, "id": str(command_id)}
        try:
            answer = session.api.post(address("chargers", charger, "commands"), body)
        except UnreachableError as error:
            if not str(error.problem["type"]).endswith(error.kind):
                raise  # the registry says itself what that means
            raise UnreachableError(
                f"{error}\nTo ask what came of it, repeat the command with --id {command_id}: it "
                "is not sent twice"
            ) from error
        session.output.fields(answer)
        if not answer["accepted"]:
            raise typer.Exit(1)

    return chargers


_WHAT = ", ".join(CommandName) + "."
