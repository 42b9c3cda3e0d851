"""``chargelight keys``, ``chargelight whoami`` and ``chargelight audit``."""

from datetime import datetime
from typing import Annotated

import typer

from services.cli.commands.arguments import Most
from services.cli.session import session_of

keys = typer.Typer(help="API keys of operators (for admins).", no_args_is_help=True)

_COLUMNS = ["id", "name", "role", "created_at", "last_used_at", "revoked_at"]


@keys.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who will have it.")],
    role: Annotated[str, typer.Argument(help="viewer, operator or admin")],
) -> None:
    """Create a key and show it, this once."""
    session = session_of(context)
    answer = session.api.post("/keys", {"name": name, "role": role})
    session.output.line(answer["key"], answer)


@keys.command("list")
def every(context: typer.Context) -> None:
    """List all keys, without what they are."""
    session = session_of(context)
    session.output.table(session.api.get("/keys")["items"], _COLUMNS)


@keys.command("revoke")
def revoke(context: typer.Context, key_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Revoke a key, at once and for ever."""
    session = session_of(context)
    session.output.fields(session.api.delete(f"/keys/{key_id}"))


def whoami(context: typer.Context) -> None:
    """Show who you are to the registry."""
    session = session_of(context)
    session.output.fields(session.api.get("/whoami"))


def audit(
    context: typer.Context,
    *,
    subject: Annotated[str | None, typer.Option(help="Only of this device, say.")] = None,
    kind: Annotated[str | None, typer.Option(help="charger, widget, pairing, rental, …")] = None,
    who: Annotated[str | None, typer.Option(help="Only by this operator.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only from this time on.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only before this time.")] = None,
    most: Most = 50,
) -> None:
    """Show who changed what, the newest first."""
    session = session_of(context)
    items = session.api.pages(
        "/audit",
        most,
        subject=subject,
        kind=kind,
        who=who,
        since=_with_zone(since),
        until=_with_zone(until),
    )
    session.output.table(items, ["at", "who", "action", "kind", "subject", "details"])


def _with_zone(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone().isoformat()
