"""``chargelight prune`` and ``chargelight erase``: what the hub forgets."""

from typing import Annotated

import typer

from services.cli.api import address
from services.cli.commands.arguments import DryRun, rental_id
from services.cli.session import session_of


def prune(context: typer.Context, *, dry_run: DryRun = False) -> None:
    """Remove what is older than it is kept (for admins); the registry does so every hour."""
    session = session_of(context)
    answer = session.api.post(address("prune"), dry_run=dry_run or None)
    session.output.fields(answer)
    if answer.get("complete") is False:
        session.output.note("There is more: repeat the command, or leave it to the registry")


def erase(
    context: typer.Context,
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="The visitor's.")],
    *,
    rental: Annotated[
        str | None,
        typer.Option(
            metavar="RENTAL",
            callback=rental_id,
            help="Only this one: other visitors had the same ticket before.",
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Erase what is known about one visitor, also in the audit log (for admins)."""
    session = session_of(context)
    body = {"ticket": ticket} | ({} if rental is None else {"rental": rental})
    answer = session.api.post(address("erasures"), body, dry_run=dry_run or None)
    session.output.fields(answer)
    if answer.get("rentals") == answer.get("audit_entries") == 0:
        nothing = (
            f"Nothing has the ticket {ticket!r}"
            if rental is None
            else f"The rental {rental} does not have the ticket {ticket!r}"
        )
        session.output.note(f"{nothing}. `chargelight rentals list` shows tickets")
