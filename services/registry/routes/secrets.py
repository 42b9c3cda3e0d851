"""REST: devices' secrets."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Body, Depends
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from services.registry.access import device_secrets
from services.registry.access.keys import Operator
from services.registry.access.secret import (
    DEFAULT_OVERLAP_SECONDS,
    MAX_CHARACTERS,
    MAX_OVERLAP_SECONDS,
    MIN_CHARACTERS,
    PATTERN,
    RULE,
    is_secret,
    new_secret,
)
from services.registry.api.problems import problem_responses
from services.registry.api.representations import Projected, RequestBody
from services.registry.devices import devices
from services.registry.errors import NotRegisteredError
from services.registry.postgres.database import Connection
from services.registry.routes.dependencies import (
    AnyId,
    KindDep,
    KindRouter,
    OperatorDep,
    PartsDep,
)
from shared.process import logs

_PATH: Final = "/{kind}s/{device_id}/secret"

_log = logs.get(__name__)


def _must_be_secret(secret: SecretStr) -> SecretStr:
    if not is_secret(secret.get_secret_value()):
        raise ValueError(RULE)
    return secret


Secret = Annotated[
    SecretStr,
    AfterValidator(_must_be_secret),
    Field(
        description="The secret itself",
        examples=["correct-horse-battery-staple"],
        json_schema_extra={
            "minLength": MIN_CHARACTERS,
            "maxLength": MAX_CHARACTERS,
            "pattern": PATTERN,
        },
    ),
]
"""A device's secret in a request. No log and no error shows it."""

Overlap = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=MAX_OVERLAP_SECONDS,
        description="How long earlier secrets stay valid, in seconds",
        examples=[86400],
    ),
]


class Rotation(RequestBody):
    """A secret to be made."""

    overlap_seconds: Overlap = DEFAULT_OVERLAP_SECONDS

    @property
    def overlap(self) -> timedelta:
        """How long earlier secrets stay valid."""
        return timedelta(seconds=self.overlap_seconds)


class SecretWish(Rotation):
    """A secret to be set."""

    secret: Secret


class ShownSecret(BaseModel):
    """A secret, without what it is."""

    created_at: datetime = Field(description="When it was set")
    expires_at: datetime | None = Field(description="null: not before another takes its place")
    usable: bool = Field(
        description="Whether gateways know it: they do not after CHARGELIGHT_CREDENTIAL_KEY "
        "was changed, until the same secret is set again"
    )


class ShownSecrets(BaseModel):
    """All valid secrets of a device, the newest first."""

    items: list[ShownSecret] = Field(description="The newest first")


class CurrentSecret(BaseModel):
    """The newest secret of a device, without what it is."""

    created_at: datetime = Field(description="When it was set")
    earlier_until: datetime | None = Field(
        description="When the last one of the earlier secrets expires; null: none is valid"
    )
    projected: Projected


class GeneratedSecret(CurrentSecret):
    """A secret that was just made."""

    secret: str = Field(
        description="Shown this once: only a hash of it is kept",
        examples=["correct-horse-battery-staple"],
    )


routes = KindRouter(tags=["secrets"])


class _Secrets:
    """What the routes do with the secrets of one kind of devices."""

    def __init__(self, kind: KindDep, parts: PartsDep) -> None:
        self._kind = kind
        self._parts = parts

    async def make_newest(
        self, device_id: str, secret: str, overlap: timedelta, operator: Operator
    ) -> dict[str, Any]:
        """Set a secret, and return the members of `CurrentSecret`."""
        self._parts.hasher.require_key()
        await self._require(device_id)
        prepared = await self._parts.hasher.of_one(self._kind, device_id, secret)
        async with self._parts.database.write_transaction(operator) as connection:
            # Again: hashing takes a while.
            await self._number(connection, device_id)
            changed = await device_secrets.set_many(
                connection, self._kind, {device_id: prepared}, overlap
            )
            number = await self._number(connection, device_id)
            stored = await device_secrets.find(connection, self._kind, [device_id])
        if changed:
            _log.info("secret set", kind=self._kind.value, id=device_id, secrets_number=number)
        *earlier, newest = stored[device_id]
        return {
            "created_at": newest.created_at,
            "earlier_until": max(
                (each.expires_at for each in earlier if each.expires_at), default=None
            ),
            "projected": await self._parts.projector.wait_for(number),
        }

    async def list(self, device_id: str) -> ShownSecrets:
        await self._require(device_id)
        async with self._parts.database.connection() as connection:
            found = await device_secrets.find(connection, self._kind, [device_id])
        return ShownSecrets(
            items=[
                ShownSecret(
                    created_at=secret.created_at,
                    expires_at=secret.expires_at,
                    usable=self._parts.hasher.fits_key(secret),
                )
                for secret in reversed(found.get(device_id, []))
            ]
        )

    async def remove(self, device_id: str, operator: Operator) -> None:
        await self._require(device_id)
        async with self._parts.database.write_transaction(operator) as connection:
            removed = await device_secrets.remove_all(connection, self._kind, device_id)
            number = await self._number(connection, device_id)
        if removed:
            _log.info("secrets removed", kind=self._kind.value, id=device_id, secrets_number=number)
        await self._parts.projector.wait_for(number)

    async def _require(self, device_id: str) -> None:
        devices.require_possible(self._kind, device_id)
        async with self._parts.database.connection() as connection:
            await devices.get(connection, self._kind, device_id)

    async def _number(self, connection: Connection, device_id: str) -> int:
        number = await device_secrets.number_of(connection, self._kind, device_id)
        if number is None:
            raise NotRegisteredError(self._kind, device_id)
        return number


SecretsDep = Annotated[_Secrets, Depends()]


@routes.put(
    _PATH,
    operation_id="set_{kind}_secret",
    summary="Set a {kind}'s secret",
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def set_(
    device_id: AnyId, body: SecretWish, operator: OperatorDep, secrets: SecretsDep
) -> CurrentSecret:
    secret = body.secret.get_secret_value()
    return CurrentSecret(**await secrets.make_newest(device_id, secret, body.overlap, operator))


@routes.post(
    _PATH,
    operation_id="generate_{kind}_secret",
    summary="Make a new secret for a {kind}; it is shown this once",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def generate(
    device_id: AnyId,
    operator: OperatorDep,
    secrets: SecretsDep,
    rotation: Annotated[Rotation | None, Body()] = None,
) -> GeneratedSecret:
    secret = new_secret()
    overlap = (rotation or Rotation()).overlap
    made = await secrets.make_newest(device_id, secret, overlap, operator)
    return GeneratedSecret(secret=secret, **made)


@routes.get(
    _PATH,
    operation_id="get_{kind}_secret",
    summary="Look at a {kind}'s secrets: since when there are some, not what they are",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def get(device_id: AnyId, secrets: SecretsDep) -> ShownSecrets:
    return await secrets.list(device_id)


@routes.delete(
    _PATH,
    operation_id="remove_{kind}_secret",
    summary="Remove all secrets of a {kind}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def remove(device_id: AnyId, operator: OperatorDep, secrets: SecretsDep) -> None:
    await secrets.remove(device_id, operator)
