"""``chargelight labels``: labels with QR codes to print for chargers and widgets."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.api import address
from services.cli.commands.arguments import OfBooth
from services.cli.commands.bulk import replacing
from services.cli.files import STANDARD
from services.cli.session import session_of
from shared.contract.devices import Kind


def labels(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="charger or widget.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An .html file; - for standard output.")
    ] = STANDARD,
    *,
    search: Annotated[
        str | None, typer.Option(help="Only with this text in id, label or location.")
    ] = None,
    booth: OfBooth = None,
    ids: Annotated[
        str | None, typer.Option(metavar="IDS", help="Only these, with commas between them.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on behind this id: a file has 120 labels.")
    ] = None,
    address_: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="URL",
            help="What phones type for this hub, else the registry's URL.",
        ),
    ] = None,
) -> None:
    """Write labels with QR codes for a browser to print."""
    session = session_of(context)
    pieces = session.api.download(
        address("labels"),
        kind=kind,
        q=search,
        booth=booth,
        ids=ids,
        after=after,
        address=address_,
    )
    if file == STANDARD:
        for piece in pieces:
            session.output.raw(piece)
        return
    with replacing(file) as written:
        for piece in pieces:
            written.write(piece)
