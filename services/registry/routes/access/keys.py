"""REST: API keys of operators."""

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final, Self

from fastapi import Body, Path
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema, model_validator

from services.registry.access import api_keys
from services.registry.access.api_keys import Holder, ShownKey
from services.registry.access.keys import RESERVED_NAMES, Operator, Role, new_key
from services.registry.access.secret import DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.problems import problem_responses
from services.registry.api.representations import BoothId, RequestBody
from services.registry.devices import booths
from services.registry.errors import NoSuchKeyError
from services.registry.routes.dependencies import OperatorDep, PartsDep
from shared.process import logs

_log = logs.get(__name__)

DEFAULT_DAYS: Final = 365
MAX_DAYS: Final = 3660
"""How long a key may be valid."""

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"


def _must_be_name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError(
            "a name is 1 to 64 of A-Z a-z 0-9 . _ @ -, and begins with a letter or a digit"
        )
    if text.lower() in RESERVED_NAMES:
        raise ValueError(f"the audit log uses the name {text.lower()} itself; take another one")
    return text


OperatorName = Annotated[
    str,
    AfterValidator(_must_be_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_NAME}$"}),
    Field(description="Whose key it is; the audit log names it", examples=["anna"]),
]
KeyId = Annotated[
    str,
    Path(
        description="What stands between clk_ and the second underscore",
        examples=["3f9a51c2d07e"],
    ),
]


class Validity(RequestBody):
    """How long a new key is valid."""

    valid_days: int = Field(
        DEFAULT_DAYS,
        strict=True,
        ge=1,
        le=MAX_DAYS,
        description="After so many days it ends by itself",
        examples=[90],
    )

    @property
    def valid_for(self) -> timedelta:
        """How long it is valid."""
        return timedelta(days=self.valid_days)


class KeyWish(Validity):
    """A key to be made."""

    name: OperatorName
    role: Role = Field(description="What one may do with it")
    booth: BoothId | None = Field(
        default=None,
        description="The only booth that it is for; left out: the whole hub. Not for admins",
        examples=["main-stage"],
    )

    @model_validator(mode="after")
    def _must_not_limit_an_admin(self) -> Self:
        if self.booth is not None and self.role is Role.ADMIN:
            raise ValueError("an admin has the whole hub: leave out booth, or take another role")
        return self


class Renewal(Validity):
    """A key to be made in place of another one."""

    overlap_seconds: int = Field(
        DEFAULT_OVERLAP_SECONDS,
        strict=True,
        ge=0,
        le=MAX_OVERLAP_SECONDS,
        description="How long the former key stays valid, in seconds",
        examples=[86400],
    )


class CreatedKey(ShownKey):
    """A key that was just made."""

    key: str = Field(
        description="Shown this once: only a hash of it is kept", examples=["clk_3f9a51c2d07e_…"]
    )


class Keys(BaseModel):
    """All keys, also the revoked ones."""

    items: list[ShownKey] = Field(description="The oldest first")


class Oneself(BaseModel):
    """Who sends this request."""

    name: str = Field(
        description="Name of the operator; `anonymous` where no key is required", examples=["anna"]
    )
    role: Role = Field(description="What one may do")
    booth: str | None = Field(
        description="The only booth that one sees; null: the whole hub", examples=["main-stage"]
    )
    key_id: str | None = Field(
        description="Of the key that was presented; null: none", examples=["3f9a51c2d07e"]
    )


routes = GuardedRouter(tags=["access"])


@routes.get("/whoami", operation_id="who_am_i", summary="Say who sends this request")
async def whoami(operator: OperatorDep) -> Oneself:
    return oneself(operator)


def oneself(operator: Operator) -> Oneself:
    """Return who an operator is."""
    return Oneself(
        name=operator.name,
        role=operator.role,
        booth=operator.booth,
        key_id=operator.key_id or None,
    )


@routes.post(
    "/keys",
    operation_id="create_key",
    summary="Create an API key; it is shown this once",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def create(body: KeyWish, operator: OperatorDep, parts: PartsDep) -> CreatedKey:
    parts.authorization.require_on()
    key = new_key()
    async with parts.database.write_transaction(operator) as connection:
        await parts.authorization.require_key_maker(connection, operator, body.role)
        if body.booth is not None:
            await booths.get(connection, body.booth)
        holder = Holder(body.name, body.role, body.booth)
        created = await api_keys.create(connection, key, holder, body.valid_for)
    _log.info(
        "api key created", key_id=key.id, name=body.name, role=body.role.value, booth=body.booth
    )
    return CreatedKey(key=key.text, **dict(created))


@routes.post(
    "/keys/{key_id}/renewal",
    operation_id="renew_key",
    summary="Create an API key in place of another one; it is shown this once",
    description="Name, role and booth stay. The former key is valid until the overlap ends.",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def renew(
    key_id: KeyId,
    operator: OperatorDep,
    parts: PartsDep,
    body: Annotated[Renewal | None, Body()] = None,
) -> CreatedKey:
    former = _possible(key_id)
    parts.authorization.require_on()
    key, wish = new_key(), body or Renewal.model_validate({})
    overlap = timedelta(seconds=wish.overlap_seconds)
    async with parts.database.write_transaction(operator) as connection:
        created = await api_keys.renew(connection, former, key, wish.valid_for, overlap)
    _log.info("api key renewed", key_id=key.id, former=former, name=created.name)
    return CreatedKey(key=key.text, **dict(created))


@routes.get("/keys", operation_id="list_keys", summary="List all API keys")
async def list_keys(parts: PartsDep) -> Keys:
    async with parts.database.connection() as connection:
        return Keys(items=await api_keys.list_all(connection))


@routes.get(
    "/keys/{key_id}",
    operation_id="get_key",
    summary="Look at an API key",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def get(key_id: KeyId, parts: PartsDep) -> ShownKey:
    async with parts.database.connection() as connection:
        return await api_keys.find(connection, _possible(key_id))


@routes.delete(
    "/keys/{key_id}",
    operation_id="revoke_key",
    summary="Revoke an API key, at once and for ever",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def revoke(key_id: KeyId, operator: OperatorDep, parts: PartsDep) -> ShownKey:
    async with parts.database.write_transaction(operator) as connection:
        revoked = await api_keys.revoke(connection, _possible(key_id))
    _log.info("api key revoked", key_id=revoked.id, name=revoked.name)
    return revoked


def _possible(key_id: str) -> str:
    """Return an id, if it is one that can exist."""
    if not key_id.isascii() or not key_id.isalnum():
        raise NoSuchKeyError
    return key_id
