"""``chargelight keys``, ``chargelight whoami`` and ``chargelight audit``."""

import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from services.cli.api import address
from services.cli.commands.arguments import Most, OfBooth, Since, Until
from services.cli.output import Column, in_words
from services.cli.session import session_of, show

keys = typer.Typer(help="API keys of operators (for admins).", no_args_is_help=True)

_COLUMNS = [
    *("id", "name", "role", "booth", "created_at", "last_used_at", "expires_at", "replaced_at"),
    "revoked_at",
]
_Days = Annotated[int, typer.Option(min=1, max=3660, help="After so many days it ends by itself.")]


def _key_id(text: str) -> str:
    if not (text.isascii() and text.isalnum()):
        # Not its text: it may be the key itself.
        raise typer.BadParameter(
            "that is no key's id: an id stands between clk_ and the second underscore of a key, "
            "and `keys list` shows it"
        )
    return text


_KeyId = Annotated[
    str, typer.Argument(metavar="ID", callback=_key_id, help="As `keys list` shows it.")
]


class Role(StrEnum):
    """What an operator may do."""

    VIEWER = "viewer"
    ATTENDANT = "attendant"
    OPERATOR = "operator"
    ADMIN = "admin"


class Action(StrEnum):
    """What became of something."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"
    IMPORTED = "imported"
    REFUSED = "refused"
    EXPORTED = "exported"


@keys.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will have it.")],
    role: Annotated[
        Role,
        typer.Argument(
            metavar="ROLE",
            help="viewer: looks; attendant: opens and closes rentals; operator: changes devices; "
            "admin: makes keys too.",
        ),
    ],
    *,
    booth: Annotated[
        str | None, typer.Option(metavar="BOOTH", help="The only booth that it is for, by its id.")
    ] = None,
    days: _Days = 365,
) -> None:
    """Create a key and show it, this once."""
    session = session_of(context)
    wish: dict[str, str | int] = {"name": name, "role": role.value, "valid_days": days}
    if booth is not None:
        wish["booth"] = booth
    answer = session.api.post(address("keys"), wish)
    session.output.line(answer["key"], answer)


@keys.command("renew")
def renew(
    context: typer.Context,
    key_id: _KeyId,
    *,
    days: _Days = 365,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=720, help="How long the former key stays valid.")
    ] = 24,
) -> None:
    """Create a key in place of another one, of the same name and role; show it, this once."""
    session = session_of(context)
    wish = {"valid_days": days, "overlap_seconds": overlap_hours * 3600}
    answer = session.api.post(address("keys", key_id, "renewal"), wish)
    session.output.line(answer["key"], answer)


@keys.command("list")
def every(context: typer.Context) -> None:
    """List all keys, without what they are."""
    session = session_of(context)
    session.output.table(session.api.get(address("keys"))["items"], _COLUMNS)


@keys.command("show")
def show_one(context: typer.Context, key_id: _KeyId) -> None:
    """Show a key, without what it is."""
    show(context, "keys", key_id)


@keys.command("revoke")
def revoke(context: typer.Context, key_id: _KeyId) -> None:
    """Revoke a key, at once and for ever."""
    session = session_of(context)
    session.output.fields(session.api.delete(address("keys", key_id)))


def whoami(context: typer.Context) -> None:
    """Show who you are to the registry."""
    show(context, "whoami")


def audit(
    context: typer.Context,
    *,
    subject: Annotated[str | None, typer.Option(help="Only of this device, say.")] = None,
    kind: Annotated[str | None, typer.Option(help="charger, widget, pairing, rental, …")] = None,
    booth: OfBooth = None,
    who: Annotated[str | None, typer.Option(help="Only by this operator.")] = None,
    action: Annotated[Action | None, typer.Option(help="Only where this happened.")] = None,
    import_: Annotated[
        uuid.UUID | None,
        typer.Option("--import", metavar="ID", help="Open an import: only its parts."),
    ] = None,
    since: Since = None,
    until: Until = None,
    most: Most = 50,
) -> None:
    """Show who changed what, the newest first.

    An import is one line; --import with its subject shows what is in it.
    """
    session = session_of(context)
    items = session.api.pages(
        address("audit"),
        most,
        subject=subject,
        kind=kind,
        booth=booth,
        who=who,
        action=action,
        import_id=import_,
        since=since,
        until=until,
    )
    columns: list[str | Column] = [
        "at",
        "who",
        "action",
        "kind",
        "subject",
        Column("details", _details),
    ]
    session.output.table(items, columns)


def _details(entry: Mapping[str, Any]) -> str:
    """Say what a change was, or what there was of something that came or went."""
    details: dict[str, Any] = entry.get("details") or {}
    if entry.get("action") == Action.CHANGED:
        return ", ".join(f"{_words(name)}: {_change(value)}" for name, value in details.items())
    return in_words({name: value for name, value in details.items() if value not in (None, "")})


def _change(value: object) -> str:
    match value:
        case [before, after]:
            return f"{_or_nothing(before)} → {_or_nothing(after)}"
        case _:
            return in_words(value)


def _or_nothing(value: object) -> str:
    return "(empty)" if value == "" else in_words(value)


def _words(name: str) -> str:
    return name.replace("_", " ")
