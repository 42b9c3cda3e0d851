"""Arguments and options that several commands take alike."""

from typing import Annotated

import typer

from shared.names import is_device_id


def _device_id(text: str) -> str:
    if not is_device_id(text):
        raise typer.BadParameter(f"{text!r} is no id: an id is 1 to 64 of A-Z a-z 0-9 . _ -")
    return text


DeviceId = Annotated[str, typer.Argument(callback=_device_id, metavar="ID")]
ChargerId = Annotated[str, typer.Argument(callback=_device_id, metavar="CHARGER")]
WidgetId = Annotated[str, typer.Argument(callback=_device_id, metavar="WIDGET")]
Most = Annotated[int | None, typer.Option("--most", min=1, help="Show no more than so many.")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Take them away from whom they are paired with.")
]
