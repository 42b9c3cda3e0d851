"""``chargelight state``: what is going on right now."""

from typing import Annotated

import typer

from services.cli.api import address
from services.cli.commands.arguments import Most
from services.cli.session import session_of
from shared.contract.device_protocol import ChargingStatus


def state(
    context: typer.Context,
    *,
    status: Annotated[ChargingStatus | None, typer.Option(help="Only with this light.")] = None,
    online: Annotated[
        bool | None, typer.Option("--online/--offline", help="Only those that are.")
    ] = None,
    most: Most = None,
) -> None:
    """List chargers with what they report and what their widgets show."""
    session = session_of(context)
    lit = None if status is None else status.value
    session.output.table(
        session.api.pages(address("state"), most, status=lit, online=online),
        ["id", "online", "gateway", "reading.soc", "status.status", "widget", "last_seen"],
    )
