"""``chargelight ca``: certificates for a booth that has no certificate authority."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from services.cli.ca.folder import REVOKED, CaFolder, CaFolderError
from services.cli.ca.issuing import CLIENT, SERVER, Wanted, host_name, uri
from services.cli.commands.arguments import DeviceIds
from services.cli.failures import RefusedError
from services.cli.session import session_of
from shared.contract.devices import Kind, urn_of

group = typer.Typer(
    help="A certificate authority (CA) in a folder of this machine. The registry is not asked.",
    no_args_is_help=True,
)

_CA_DAYS: Final = 3650
_SERVER_DAYS: Final = 397
_DEVICE_DAYS: Final = 730
_LONGEST_COMMON_NAME: Final = 64
"""RFC 5280 appendix A.1. What counts of a server are its other names."""

_Folder = Annotated[
    Path, typer.Option("--folder", metavar="FOLDER", help="The CA's. Its keys stay in it.")
]


def _check_names(names: list[str]) -> list[str]:
    """Refuse all if one is no name of a server, before anything is issued."""
    try:
        for each in names:
            host_name(each)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return names


_Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME",
        callback=_check_names,
        help="By which it is reached: names and IP addresses.",
    ),
]
_Days = Annotated[int, typer.Option(min=1, max=_CA_DAYS, help="For so many days it is valid.")]


@group.command("new")
def new(
    context: typer.Context,
    *,
    folder: _Folder = Path("ca"),
    name: Annotated[str, typer.Option(help="What its certificate calls it.")] = "Chargelight CA",
    days: _Days = _CA_DAYS,
) -> None:
    """Make a CA. Devices and operators must trust its ca.crt, and nobody may see ca.key."""
    with _failures():
        CaFolder(folder).create(name, datetime.now(UTC), timedelta(days=days))
    _tell(context, folder / "ca.crt")


@group.command("server")
def server(
    context: typer.Context,
    names: _Names,
    *,
    folder: _Folder = Path("ca"),
    days: _Days = _SERVER_DAYS,
) -> None:
    """Issue the certificate of a hub, of Redis or of Postgres; the file is named by the first."""
    with _failures():
        path = CaFolder(folder).issue(
            f"servers/{_file_name(names[0])}",
            # Both usages: services present it to Redis and Postgres too.
            Wanted(
                names[0][:_LONGEST_COMMON_NAME],
                [SERVER, CLIENT],
                [host_name(each) for each in names],
                timedelta(days=days),
            ),
            datetime.now(UTC),
        )
    _tell(context, path)


def _for_devices(kind: Kind) -> Callable[..., None]:
    def devices(
        context: typer.Context,
        ids: DeviceIds,
        *,
        folder: _Folder = Path("ca"),
        days: _Days = _DEVICE_DAYS,
    ) -> None:
        with _failures():
            for each in ids:
                names = [uri(urn_of(kind, each))]
                wanted = Wanted(each, [CLIENT], names, timedelta(days=days))
                path = CaFolder(folder).issue(f"{kind.value}s/{each}", wanted, datetime.now(UTC))
                _tell(context, path)

    devices.__doc__ = f"Issue certificates of {kind.value}s."
    return devices


for _kind in Kind:
    group.command(_kind.value)(_for_devices(_kind))


@group.command("revoke")
def revoke(
    context: typer.Context,
    certificates: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Certificates of this CA.")
    ],
    *,
    folder: _Folder = Path("ca"),
) -> None:
    """Put certificates on the CA's revocation list; give the list to all gateways."""
    with _failures():
        for each in certificates:
            CaFolder(folder).revoke(each, datetime.now(UTC))
    _tell(context, folder / REVOKED)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (CaFolderError, OSError, ValueError) as error:  # a name that no certificate can have
        raise RefusedError(str(error)) from None


def _file_name(name: str) -> str:
    """Return a name of a file for the name of a server: ``*`` and ``:`` are no good ones."""
    return "".join(each if each.isalnum() or each in "._-" else "_" for each in name)


def _tell(context: typer.Context, path: Path) -> None:
    session_of(context).output.line(str(path), {"file": str(path)})
