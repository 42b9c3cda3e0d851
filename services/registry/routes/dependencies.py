"""What FastAPI passes to the routes: the registry's parts, the operator, the conditions."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Query, Request

from services.registry.access.authorization import Authorization
from services.registry.access.keys import Operator
from services.registry.access.protection import Protection
from services.registry.access.secret_hasher import SecretHasher
from services.registry.api.guarded_route import GuardedRouter, operation_of
from services.registry.api.representations import BoothOrNone
from services.registry.commands.command_service import CommandService
from services.registry.desk.look_ups import LookUps
from services.registry.devices.etags import Conditions
from services.registry.directory.projector import Projector
from services.registry.edge.slots import Slots
from services.registry.estimate.shown import PhoneEstimate
from services.registry.feed.feed import Feed
from services.registry.hub.view import Hub
from services.registry.live.booth_counts import BoothCounts
from services.registry.live.redis_values import RawCharger
from services.registry.live.state_reader import StateReader
from services.registry.notify.destinations import Destination
from services.registry.postgres.database import Database
from services.registry.retention.cutoffs import Keep
from services.registry.words import Words
from shared.contract.devices import Kind

AnyId = Annotated[
    str, Path(description="An id; one that cannot exist is not there", examples=["c1234"])
]
"""An id to look up: any text."""

OfCharger = Annotated[Words | None, Query(description="Only of this charger", examples=["c1234"])]
OfWidget = Annotated[Words | None, Query(description="Only of this widget", examples=["wABCD"])]
OfBooth = Annotated[
    BoothOrNone | None,
    Query(description="Only of this booth, by its id; empty: of none", examples=["main-stage"]),
]
Canary = Annotated[bool, Query(description="Only canaries; without it, all others")]
DryRun = Annotated[bool, Query(description="Only tell what would happen")]

WITH_ETAG: Final[dict[str, Any]] = {
    "headers": {
        "ETag": {
            "description": "Pass it as If-Match to change only what you have seen",
            "schema": {"type": "string"},
        }
    }
}
"""For ``responses=``: an answer that carries an entity tag."""


_MAX_UPLOADS: Final = 20
"""Import files that are received at the same time; each takes little memory here."""

_MAX_DOWNLOADS: Final = 4
"""Exports at the same time: each is a file in memory until its client has read it."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What this registry tells of itself."""

    settings: Mapping[str, object] = field(default_factory=dict)
    """Without those that may hold a secret."""
    protection: Protection = field(default_factory=Protection)
    not_ready_because: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with; ``app.state.parts`` of the API."""

    database: Database
    projector: Projector
    reader: StateReader
    hasher: SecretHasher
    authorization: Authorization
    hub: Callable[[], Hub]
    """Returns what this registry sees of the hub."""
    feed: Feed
    commands: CommandService
    is_valid: Callable[[bytes], bool] = lambda _: True
    """Tells whether an API key or a session is valid, a moment late, also while Postgres is away;
    where none is needed, each is."""
    keep: Keep = field(default_factory=Keep)
    instance: Instance = field(default_factory=Instance)
    estimate_of: Callable[[RawCharger, int], PhoneEstimate | None] = lambda _raw, _now: None
    """Returns when a charger's phone will be ready, of its values in Redis and Redis' time."""
    destinations: Sequence[Destination] = ()
    """Where events go."""
    uploads: Slots = field(default_factory=lambda: Slots(_MAX_UPLOADS, "imports"))
    downloads: Slots = field(default_factory=lambda: Slots(_MAX_DOWNLOADS, "exports"))
    label_pages: Slots = field(default_factory=lambda: Slots(1, "pages of labels"))
    look_ups: LookUps = field(default_factory=LookUps)
    """Of visitors' pages."""
    booth_counts: BoothCounts = field(default_factory=BoothCounts)
    import_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """An import that is complete waits for the one before it, however long that takes."""


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(_parts)]


async def _operator(request: Request) -> Operator:
    operator: Operator = request.state.operator  # by `GuardedRoute`
    return operator


OperatorDep = Annotated[Operator, Depends(_operator)]


async def visible_booth(
    request: Request, operator: OperatorDep, parts: PartsDep, booth: OfBooth = None
) -> str | None:
    """Return the booth that a list shows, empty: what is in none; None: all.

    Raises:
        NotAllowedError: The key is limited to another one.
    """
    if booth not in (None, operator.booth):
        parts.authorization.require_whole_hub(operator, operation_of(request))
    return operator.booth if booth is None else booth


BoothDep = Annotated[str | None, Depends(visible_booth)]
"""For lists of what is in booths: with ``?booth=``, and for keys that are limited to one."""


async def own_booth(operator: OperatorDep) -> str | None:
    """Return the only booth that the key is for; None: the whole hub."""
    return operator.booth


OwnBoothDep = Annotated[str | None, Depends(own_booth)]


async def _conditions(
    if_match: Annotated[
        str | None,
        Header(
            max_length=1000,
            description="Only if it still is as it was: the `ETag` that came with it, or `*`",
            examples=["*"],
        ),
    ] = None,
    if_none_match: Annotated[
        str | None,
        Header(
            max_length=1000,
            description="`*`: only if there is none yet; an `ETag`: only if it has another one now",
            examples=["*"],
        ),
    ] = None,
) -> Conditions:
    return Conditions(if_match, if_none_match)


ConditionsDep = Annotated[Conditions, Depends(_conditions)]


async def _kind(request: Request) -> Kind:
    first: str = request.scope["route"].path.split("/")[1]
    return Kind(first.removesuffix("s"))


KindDep = Annotated[Kind, Depends(_kind)]
"""The kind of devices that the path begins with, ``/chargers`` or ``/widgets``."""


class KindRouter(GuardedRouter):
    """Adds each route for chargers and for widgets; ``{kind}`` stands for which of them.

    It is replaced in all texts. A response model may be a mapping, by kind.
    """

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route for each kind."""
        for kind in Kind:
            own = {name: _for_kind(option, kind) for name, option in options.items()}
            super().add_api_route(_for_kind(path, kind), endpoint, **own)


def _for_kind(option: Any, kind: Kind) -> Any:
    match option:
        case str():
            return option.replace("{kind}", kind.value)
        case list():
            return [_for_kind(each, kind) for each in option]
        case {Kind.CHARGER: _}:
            return option[kind]
        case _:
            return option
