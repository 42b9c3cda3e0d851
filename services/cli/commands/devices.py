"""``chargelight chargers`` and ``chargelight widgets``."""

from typing import Annotated

import typer

from services.cli.commands import secret
from services.cli.commands.arguments import DeviceId, Most
from services.cli.session import session_of

_Label = Annotated[str | None, typer.Option(help="What people call it.")]
_Location = Annotated[str | None, typer.Option(help="Where it is.")]


def group(kind: str) -> typer.Typer:
    """Return the commands for one kind of devices.

    Args:
        kind: ``charger`` or ``widget``.
    """
    path = f"/{kind}s"
    commands = typer.Typer(help=f"Register, find and change {kind}s.", no_args_is_help=True)

    @commands.command("list", help=f"List {kind}s.")
    def every(
        context: typer.Context,
        *,
        search: Annotated[
            str | None, typer.Option(help="Only with this in id, label or location.")
        ] = None,
        location: Annotated[str | None, typer.Option(help="Only at this location.")] = None,
        paired: Annotated[
            bool | None, typer.Option("--paired/--unpaired", help="Only those that are, or not.")
        ] = None,
        most: Most = None,
    ) -> None:
        session = session_of(context)
        items = session.api.pages(path, most, q=search, location=location, paired=paired)
        other = "widget" if kind == "charger" else "charger"
        session.output.table(items, ["id", "label", "location", other, "registered_at"])

    @commands.command("show", help=f"Show a {kind}.")
    def show(context: typer.Context, device_id: DeviceId) -> None:
        session = session_of(context)
        session.output.fields(session.api.get(f"{path}/{device_id}"))

    @commands.command("register", help=f"Register a {kind}; one that is known stays as it is.")
    def register(
        context: typer.Context,
        device_id: DeviceId,
        label: _Label = None,
        location: _Location = None,
    ) -> None:
        session = session_of(context)
        wish = {"label": label, "location": location}
        session.output.fields(session.api.put(f"{path}/{device_id}", _given(wish)))

    @commands.command("update", help=f"Change what a {kind} is called.")
    def update(
        context: typer.Context,
        device_id: DeviceId,
        label: _Label = None,
        location: _Location = None,
    ) -> None:
        session = session_of(context)
        wish = _given({"label": label, "location": location})
        if not wish:
            raise typer.BadParameter("say what to change: --label, --location")
        session.output.fields(session.api.patch(f"{path}/{device_id}", wish))

    @commands.command(
        "unregister", help=f"Unregister {kind}s: pairings end, connections are closed."
    )
    def unregister(context: typer.Context, device_ids: list[DeviceId]) -> None:
        session = session_of(context)
        for device_id in device_ids:
            session.api.delete(f"{path}/{device_id}")
            session.output.line(f"{device_id} is not registered any more", {"id": device_id})

    @commands.command("state", help=f"Show what a {kind} is doing right now.")
    def state(context: typer.Context, device_id: DeviceId) -> None:
        session = session_of(context)
        session.output.fields(session.api.get(f"{path}/{device_id}/state"))

    commands.add_typer(secret.group(kind), name="secret")
    return commands


def _given(wish: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in wish.items() if value is not None}
