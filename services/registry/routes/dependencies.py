"""What FastAPI passes to the routes: the registry's parts, the operator, the conditions."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.registry.access.authorization import Authorization, require_role
from services.registry.access.keys import Operator, Role
from services.registry.access.secret_hasher import SecretHasher
from services.registry.devices.etags import Conditions
from services.registry.directory.projector import Projector
from services.registry.live.state_reader import StateReader
from services.registry.postgres.database import Database
from shared.contract.devices import Kind

AnyId = Annotated[str, Path(description="An id; one that cannot exist is not there")]
"""An id to look up: any text."""

WITH_ETAG: Final[dict[str, Any]] = {
    "headers": {
        "ETag": {
            "description": "Pass it as If-Match to change only what you have seen",
            "schema": {"type": "string"},
        }
    }
}
"""For ``responses=``: an answer that carries an entity tag."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with; ``app.state.parts`` of the API."""

    database: Database
    projector: Projector
    reader: StateReader
    hasher: SecretHasher
    authorization: Authorization
    import_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A big file takes a lot of memory, so only one is imported at a time."""


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(_parts)]


_SCHEME: Final = HTTPBearer(
    auto_error=False, description="An API key, `clk_…`; not asked for where that is off"
)


async def authorize(
    request: Request,
    parts: PartsDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)],
) -> Operator:
    """Return the operator who sends a request; refuse those who may not send it.

    Raises:
        NotAuthenticatedError: There is no valid API key.
        NotAllowedError: The operator's role does not include this.
    """
    operator = await parts.authorization.operator_with(
        credentials.credentials if credentials else None
    )
    require_role(operator, Role.VIEWER if request.method in ("GET", "HEAD") else Role.OPERATOR)
    return operator


OperatorDep = Annotated[Operator, Depends(authorize)]


async def _require_admin(operator: OperatorDep) -> None:
    require_role(operator, Role.ADMIN)


NEEDS_ADMIN: Final = Depends(_require_admin)
"""For ``dependencies=[…]`` of routes for admins only."""


async def _conditions(
    if_match: Annotated[
        str | None,
        Header(
            max_length=1000,
            description="Only if it still is as it was: the `ETag` that came with it, or `*`",
        ),
    ] = None,
    if_none_match: Annotated[
        str | None,
        Header(
            max_length=1000,
            description="`*`: only if there is none yet; an `ETag`: only if it has another one now",
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


class KindRouter(APIRouter):
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
