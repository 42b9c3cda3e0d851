"""``chargelight chargers secret`` and ``chargelight widgets secret``."""

import sys
from typing import Annotated

import typer

from services.cli.api import Address, address
from services.cli.commands.arguments import DeviceId
from services.cli.failures import WrongUseError
from services.cli.session import session_of

_Overlap = Annotated[
    float | None,
    typer.Option(
        min=0, max=720, help="For so many hours the secrets before this one stay valid; else 24."
    ),
]


def group(kind: str) -> typer.Typer:
    """Return the commands for the secrets of one kind of devices."""
    commands = typer.Typer(help=f"What a {kind} proves with who it is.", no_args_is_help=True)

    def where(device_id: str) -> Address:
        return address(f"{kind}s", device_id, "secret")

    @commands.command("generate", help="Make a new secret and show it, this once.")
    def generate(
        context: typer.Context, device_id: DeviceId, *, overlap_hours: _Overlap = None
    ) -> None:
        session = session_of(context)
        answer = session.api.post(where(device_id), _overlap(overlap_hours))
        session.output.line(answer["secret"], answer)

    @commands.command("set", help="Set a secret that is given: asked for, or on standard input.")
    def set_(
        context: typer.Context, device_id: DeviceId, *, overlap_hours: _Overlap = None
    ) -> None:
        session = session_of(context)
        body = {"secret": _read_secret(), **_overlap(overlap_hours)}
        session.output.fields(session.api.put(where(device_id), body))

    @commands.command("show", help="Show since when there are secrets; not what they are.")
    def show(context: typer.Context, device_id: DeviceId) -> None:
        session = session_of(context)
        answer = session.api.get(where(device_id))
        session.output.table(answer["items"], ["created_at", "expires_at", "usable"])

    @commands.command("remove", help="Remove all secrets.")
    def remove(context: typer.Context, device_id: DeviceId) -> None:
        session = session_of(context)
        session.api.delete(where(device_id))
        session.output.line(f"{device_id} has no secret any more", {"id": device_id})

    return commands


def _read_secret() -> str:
    # Never an argument: every user of this machine can read its command lines.
    if sys.stdin.isatty():
        return str(typer.prompt("Secret", hide_input=True, confirmation_prompt=True, err=True))
    secret = sys.stdin.buffer.readline().rstrip(b"\r\n")
    if not secret:
        raise WrongUseError("there is no secret on standard input")
    # The registry refuses what is not ASCII, and says what a secret is.
    return secret.decode("utf-8", errors="replace")


def _overlap(hours: float | None) -> dict[str, int]:
    return {} if hours is None else {"overlap_seconds": round(hours * 3600)}
