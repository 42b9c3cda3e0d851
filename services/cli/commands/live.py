"""``chargelight state``: what is going on right now."""

from typing import Annotated

import typer

from services.cli.commands.arguments import Most
from services.cli.session import session_of


def state(
    context: typer.Context,
    *,
    status: Annotated[
        str | None, typer.Option(help="Only with this light: charging, charging80, charged.")
    ] = None,
    online: Annotated[
        bool | None, typer.Option("--online/--offline", help="Only those that are.")
    ] = None,
    most: Most = None,
) -> None:
    """List chargers with what they report and what their widgets show."""
    session = session_of(context)
    session.output.table(
        session.api.pages("/state", most, status=status, online=online),
        ["id", "online", "gateway", "reading.soc", "status.status", "widget", "last_seen"],
    )
