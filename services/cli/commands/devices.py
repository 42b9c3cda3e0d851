"""``chargelight chargers``, ``chargelight widgets`` and ``chargelight state``."""

from collections.abc import Mapping
from typing import Annotated, Final

import typer

from services.cli.api import Items, address
from services.cli.commands import secret
from services.cli.commands.arguments import Canaries, DeviceId, DeviceIds, Most, OfBooth, Watch
from services.cli.failures import RefusedError
from services.cli.session import Session, session_of, show
from services.cli.watching import watch
from shared.contract.credentials import Auth
from shared.contract.device_protocol import ChargingStatus

_LIVE: Final = ["id", "online", "gateway", "reading.soc", "status.status", "widget"]
_PARTNER: Final = {"charger": "widget", "widget": "charger"}

_Label = Annotated[str | None, typer.Option(help="What people call it.")]
_Location = Annotated[str | None, typer.Option(help="Where it is.")]
_Booth = Annotated[str | None, typer.Option(help="In which booth it is, by its id.")]
_Auth = Annotated[
    Auth | None,
    typer.Option(help="What it proves itself with: a secret or a certificate, or only that."),
]


def group(kind: str) -> typer.Typer:
    """Return the commands for one kind of devices, ``charger`` or ``widget``."""
    commands = typer.Typer(help=f"Register, find and change {kind}s.", no_args_is_help=True)
    _add_list_and_show(commands, kind)
    _add_changes(commands, kind)
    _add_end(commands, kind)
    if kind == "charger":
        _add_full_when(commands)
    commands.add_typer(secret.group(kind), name="secret")
    return commands


def _add_list_and_show(commands: typer.Typer, kind: str) -> None:
    kinds = f"{kind}s"
    columns = ["id", "label", "booth", "location", _PARTNER[kind], "registered_at"]

    @commands.command("list", help=f"List {kinds}.")
    def every(
        context: typer.Context,
        *,
        search: Annotated[
            str | None, typer.Option(help="Only with this in id, label or location.")
        ] = None,
        location: Annotated[str | None, typer.Option(help="Only at this location.")] = None,
        booth: OfBooth = None,
        paired: Annotated[
            bool | None, typer.Option("--paired/--unpaired", help="Only those that are, or not.")
        ] = None,
        canary: Canaries = None,
        most: Most = None,
    ) -> None:
        session = session_of(context)
        items = session.api.pages(
            address(kinds),
            most,
            q=search,
            location=location,
            booth=booth,
            paired=paired,
            canary=canary,
        )
        session.output.table(items, columns)

    @commands.command("show", help=f"Show a {kind}.")
    def show_one(context: typer.Context, device_id: DeviceId) -> None:
        show(context, kinds, device_id)

    @commands.command("state", help=f"Show what a {kind} is doing right now.")
    def state_of_one(context: typer.Context, device_id: DeviceId) -> None:
        show(context, kinds, device_id, "state")


def _add_changes(commands: typer.Typer, kind: str) -> None:
    kinds = f"{kind}s"

    @commands.command(
        "register", help=f"Register a {kind}. One that is known only gets what is given here."
    )
    def register(
        context: typer.Context,
        device_id: DeviceId,
        *,
        label: _Label = None,
        location: _Location = None,
        booth: _Booth = None,
        auth: _Auth = None,
        canary: Annotated[
            bool | None, typer.Option("--canary", help="It is the hub's own: left out of lists.")
        ] = None,
    ) -> None:
        session = session_of(context)
        body = _drop_none(
            {
                "label": label,
                "location": location,
                "booth": booth,
                "auth": auth,
                "canary": canary,
            }
        )
        session.output.fields(session.api.put(address(kinds, device_id), body))

    @commands.command("update", help=f"Change what a registered {kind} is called.")
    def update(
        context: typer.Context,
        device_id: DeviceId,
        *,
        label: _Label = None,
        location: _Location = None,
        booth: _Booth = None,
        auth: _Auth = None,
    ) -> None:
        body = _drop_none({"label": label, "location": location, "booth": booth, "auth": auth})
        if not body:
            raise typer.BadParameter(
                "say what to change", param_hint="--label, --location, --booth or --auth"
            )
        session = session_of(context)
        session.output.fields(session.api.patch(address(kinds, device_id), body))


def _add_end(commands: typer.Typer, kind: str) -> None:
    kinds = f"{kind}s"

    @commands.command(
        "unregister", help=f"Unregister {kinds}: pairings end, connections are closed."
    )
    def unregister(context: typer.Context, device_ids: DeviceIds) -> None:
        _unregister_all(session_of(context), kinds, device_ids)


def _add_full_when(commands: typer.Typer) -> None:
    @commands.command(
        "full-when",
        help="Show or set what counts as full at a charger that knows no state of charge.",
    )
    def full_when(
        context: typer.Context,
        device_id: DeviceId,
        setting: Annotated[
            str | None,
            typer.Argument(
                help="reported, suspended, or no-energy:N (minutes in which the meter stands "
                "still); without it, the present setting is shown."
            ),
        ] = None,
    ) -> None:
        session, where = session_of(context), address("chargers", device_id, "full-when")
        api = session.api
        answer = api.get(where) if setting is None else api.put(where, {"full_when": setting})
        session.output.fields(answer)


def state(
    context: typer.Context,
    *,
    status: Annotated[
        ChargingStatus | None,
        typer.Option(metavar="LIGHT", help="Only with this light: charging, charging80, charged."),
    ] = None,
    online: Annotated[
        bool | None, typer.Option("--online/--offline", help="Only those that are.")
    ] = None,
    booth: OfBooth = None,
    canary: Canaries = None,
    most: Most = None,
    watch_: Watch = False,
) -> None:
    """List chargers with what they report and what their widgets show."""
    session = session_of(context)

    def fetch(fit: int | None = None) -> Items:
        return session.api.pages(
            address("state"),
            most or fit,
            status=status,
            online=online,
            booth=booth,
            canary=canary,
        )

    if watch_:
        watch(session.output, fetch, _LIVE)
    else:
        session.output.table(fetch(), [*_LIVE, "last_seen"])


def _unregister_all(session: Session, kinds: str, device_ids: list[str]) -> None:
    refusals = []
    for device_id in device_ids:
        try:
            session.api.delete(address(kinds, device_id))
        except RefusedError as error:
            refusals.append(str(error))  # go on with the others
        else:
            session.output.line(f"{device_id} is not registered any more", {"id": device_id})
    if refusals:
        raise RefusedError("\n".join(refusals))


def _drop_none(body: Mapping[str, str | bool | None]) -> dict[str, str | bool]:
    return {name: value for name, value in body.items() if value is not None}
