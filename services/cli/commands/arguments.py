"""Arguments and options that several commands take alike."""

import re
from typing import Annotated, Final

import typer

from services.cli.commands.moments import moment
from shared.contract.connectors import is_id_of, rule_for
from shared.contract.devices import Kind

_RENTAL_ID: Final = re.compile(r"[0-9A-Za-z-]{6,36}")


def device_id(text: str | None) -> str | None:
    """Refuse a text that cannot be a device's id before the registry is asked."""
    if text is not None and not is_id_of(Kind.CHARGER, text):
        raise typer.BadParameter(f"{text!r} is no id: {rule_for(text)}")
    return text


def device_ids(texts: list[str]) -> list[str]:
    """Refuse all if one cannot be a device's id, before anything is done."""
    for text in texts:
        device_id(text)
    return texts


def is_rental_id(text: str) -> bool:
    """Tell whether a text can be one of a rental's ids."""
    return bool(_RENTAL_ID.fullmatch(text))


def rental_id(text: str | None) -> str | None:
    """Refuse a text that can be neither of a rental's ids, before the registry is asked."""
    if text is not None and not is_rental_id(text):
        raise typer.BadParameter(
            f"{text!r} is no rental's id: one has six letters and digits, such as G4H9W5, or is a "
            "UUID. `chargelight rentals list` shows them"
        )
    return text


DeviceId = Annotated[str, typer.Argument(callback=device_id, metavar="ID", help="Its id.")]
DeviceIds = Annotated[
    list[str], typer.Argument(callback=device_ids, metavar="ID", help="Their ids.")
]
ChargerId = Annotated[
    str, typer.Argument(callback=device_id, metavar="CHARGER", help="A charger's id.")
]
WidgetId = Annotated[
    str, typer.Argument(callback=device_id, metavar="WIDGET", help="A widget's id.")
]
OfBooth = Annotated[
    str | None,
    typer.Option("--booth", metavar="BOOTH", help="Only of this booth, by its id."),
]
Most = Annotated[
    int | None, typer.Option("--most", min=1, metavar="N", help="Show no more than so many.")
]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Go on until Ctrl-C: on a terminal the list as it is, elsewhere a line per change.",
    ),
]
Canaries = Annotated[
    bool | None, typer.Option("--canary", help="Only canaries, which are left out otherwise.")
]
Replace = Annotated[bool, typer.Option("--replace", help="End the pairings they have now.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")]
Since = Annotated[
    str | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="From then on: 2026-11-24, '2026-11-24 20:00', 20:00, yesterday, '2 hours ago'.",
    ),
]
Until = Annotated[str | None, typer.Option(parser=moment, metavar="TIME", help="Before that time.")]
