"""REST: API keys of operators."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from services.registry.access import api_keys
from services.registry.access.api_keys import ShownKey
from services.registry.access.keys import Role, new_key
from services.registry.api.problems import problem_responses
from services.registry.api.representations import RequestBody
from services.registry.errors import NoSuchKeyError
from services.registry.routes.dependencies import NEEDS_ADMIN, OperatorDep, PartsDep
from shared.process import logs

_log = logs.get(__name__)

OperatorName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", examples=["anna"])
]
KeyId = Annotated[str, Path(description="What stands between clk_ and the second underscore")]


class KeyWish(RequestBody):
    """A key to be made."""

    name: OperatorName
    role: Role


class CreatedKey(ShownKey):
    """A key that was just made."""

    key: str = Field(description="Shown this once: only a hash of it is kept")


class Keys(BaseModel):
    """All keys, also the revoked ones."""

    items: list[ShownKey]


class Oneself(BaseModel):
    """Who sends this request."""

    name: str
    role: Role


routes = APIRouter(tags=["access"])


@routes.get("/whoami", operation_id="whoami", summary="Say who sends this request")
async def whoami(operator: OperatorDep) -> Oneself:
    return Oneself(name=operator.name, role=operator.role)


@routes.post(
    "/keys",
    operation_id="create_key",
    summary="Create an API key; it is shown this once",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(HTTPStatus.CONFLICT),
    dependencies=[NEEDS_ADMIN],
)
async def create(
    body: KeyWish, operator: OperatorDep, response: Response, parts: PartsDep
) -> CreatedKey:
    key = new_key()
    async with parts.database.write_transaction(operator.name) as connection:
        created = await api_keys.create(connection, key, body.name, body.role)
    _log.info("api key created", key_id=key.id, name=body.name, role=body.role.value)
    response.headers["Cache-Control"] = "no-store"
    return CreatedKey(key=key.text, **dict(created))


@routes.get(
    "/keys", operation_id="list_keys", summary="List all API keys", dependencies=[NEEDS_ADMIN]
)
async def list_keys(parts: PartsDep) -> Keys:
    async with parts.database.connection() as connection:
        return Keys(items=await api_keys.list_all(connection))


@routes.get(
    "/keys/{key_id}",
    operation_id="get_key",
    summary="Look at an API key",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
    dependencies=[NEEDS_ADMIN],
)
async def get(key_id: KeyId, parts: PartsDep) -> ShownKey:
    async with parts.database.connection() as connection:
        found = await api_keys.find(connection, _possible(key_id))
    if found is None:
        raise _no_key()
    return found


@routes.delete(
    "/keys/{key_id}",
    operation_id="revoke_key",
    summary="Revoke an API key, at once and for ever",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
    dependencies=[NEEDS_ADMIN],
)
async def revoke(key_id: KeyId, operator: OperatorDep, parts: PartsDep) -> ShownKey:
    async with parts.database.write_transaction(operator.name) as connection:
        revoked = await api_keys.revoke(connection, _possible(key_id))
    if revoked is None:
        raise _no_key()
    _log.info("api key revoked", key_id=revoked.id, name=revoked.name)
    return revoked


def _possible(key_id: str) -> str:
    """Return an id, if it is one that can exist."""
    if not key_id.isascii() or not key_id.isalnum():
        raise _no_key()
    return key_id


def _no_key() -> NoSuchKeyError:
    return NoSuchKeyError(
        # Not what was asked for: it may be a key in the place of its id.
        "there is no API key with this id. An id is what stands between clk_ and the second "
        "underscore of a key, and GET /keys lists them"
    )
