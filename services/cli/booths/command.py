"""``chargelight booths``: the places of a festival."""

from typing import Annotated, Final

import typer

from services.cli.api import address
from services.cli.commands.arguments import Most, device_id
from services.cli.session import session_of, show

booths = typer.Typer(help="The places of a festival, and their devices.", no_args_is_help=True)

_COLUMNS: Final = ["id", "name", "chargers", "widgets", "online", "charging", "ready"]

_BoothId = Annotated[
    str, typer.Argument(callback=device_id, metavar="BOOTH", help="As `booths list` shows it.")
]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")]


@booths.command("list")
def every(context: typer.Context, *, most: Most = None) -> None:
    """List booths, with how many devices are there and what they do."""
    session = session_of(context)
    session.output.table(session.api.pages(address("booths"), most), _COLUMNS)


@booths.command("show")
def show_one(context: typer.Context, booth: _BoothId) -> None:
    """Show a booth."""
    show(context, "booths", booth)


@booths.command("create")
def create(
    context: typer.Context,
    name: _Name,
    *,
    id_: Annotated[
        str | None,
        typer.Option(
            "--id", callback=device_id, help="Default: made of the name.", show_default=False
        ),
    ] = None,
) -> None:
    """Make a booth."""
    session = session_of(context)
    wish = {"name": name} | ({} if id_ is None else {"id": id_})
    session.output.fields(session.api.post(address("booths"), wish))


@booths.command("rename")
def rename(context: typer.Context, booth: _BoothId, name: _Name) -> None:
    """Give a booth another name; its id stays."""
    session = session_of(context)
    session.output.fields(session.api.patch(address("booths", booth), {"name": name}))


@booths.command("remove")
def remove(context: typer.Context, booth: _BoothId) -> None:
    """Remove an empty booth."""
    session = session_of(context)
    session.api.delete(address("booths", booth))
    session.output.line(f"the booth {booth} is no more", {"id": booth})
