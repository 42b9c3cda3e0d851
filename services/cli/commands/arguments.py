"""Arguments and options that several commands take alike."""

from datetime import datetime, time, timedelta
from typing import Annotated

import typer

from shared.contract.devices import is_device_id


def device_id(text: str | None) -> str | None:
    """Refuse a text that cannot be a device's id before the registry is asked."""
    if text is not None and not is_device_id(text):
        raise typer.BadParameter(f"{text!r} is no id: an id is 1 to 64 of A-Z a-z 0-9 . _ -")
    return text


def device_ids(texts: list[str]) -> list[str]:
    """Refuse all if one cannot be a device's id, before anything is done."""
    for text in texts:
        device_id(text)
    return texts


def moment(text: str) -> datetime:
    """Return the time that was typed, in this machine's zone unless it names another."""
    return read_moment(text, datetime.now().astimezone())


def read_moment(text: str, now: datetime) -> datetime:
    """Return the time that a text stands for.

    It is as in RFC 3339, or a part of it: a day, a time without zone, or the last time that a
    clock showed this hour and minute.
    """
    try:
        clock = time.fromisoformat(text) if text[2:3] == ":" else None
        found = datetime.combine(now, clock) if clock else datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; one is 2026-11-24, '2026-11-24 20:00' or 20:00"
        ) from None
    found = found.replace(tzinfo=now.tzinfo) if clock else found.astimezone()
    return found - timedelta(days=1) if clock and found > now else found


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
Most = Annotated[int | None, typer.Option("--most", min=1, help="Show no more than so many.")]
Replace = Annotated[bool, typer.Option("--replace", help="End the pairings they have now.")]
