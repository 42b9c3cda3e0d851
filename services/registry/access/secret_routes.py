"""REST: secrets of devices of one kind."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from services.registry.access import device_secrets
from services.registry.access.authorization import Who
from services.registry.access.secret import (
    LEAST_CHARACTERS,
    MOST_CHARACTERS,
    PATTERN,
    RULE,
    StoredSecret,
    is_secret,
    new_secret,
)
from services.registry.access.secret_hasher import SecretHasher
from services.registry.api.problems import documented
from services.registry.api.representations import AnyId, Projected
from services.registry.devices.device_routes import not_registered
from services.registry.devices.devices import Kind
from services.registry.directory.projector import Projector
from services.registry.postgres.database import Connection, Database
from shared.contract.devices import is_device_id
from shared.process import logs

_DAY: Final = 24 * 3600
DEFAULT_OVERLAP_SECONDS: Final = _DAY
MOST_OVERLAP_SECONDS: Final = 30 * _DAY

_log = logs.get(__name__)


def _must_be_secret(secret: SecretStr) -> SecretStr:
    if not is_secret(secret.get_secret_value()):
        raise ValueError(RULE)
    return secret


Secret = Annotated[
    SecretStr,
    AfterValidator(_must_be_secret),
    Field(
        json_schema_extra={
            "minLength": LEAST_CHARACTERS,
            "maxLength": MOST_CHARACTERS,
            "pattern": PATTERN,
        }
    ),
]
"""A device's secret in a request. It shows up in no log and no error."""

Overlap = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=MOST_OVERLAP_SECONDS,
        description="How long earlier secrets stay valid, in seconds",
    ),
]


class Rotation(BaseModel):
    """A secret to be made."""

    model_config = ConfigDict(extra="forbid")

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

    created_at: datetime
    expires_at: datetime | None = Field(description="null: not before another takes its place")
    usable: bool = Field(
        description="Whether gateways know it: they do not after CHARGELIGHT_CREDENTIAL_KEY "
        "was changed, until the same secret is set again"
    )


class ShownSecrets(BaseModel):
    """All valid secrets of a device, the newest first."""

    items: list[ShownSecret]


class CurrentSecret(BaseModel):
    """The newest secret of a device, without what it is."""

    created_at: datetime
    earlier_until: datetime | None = Field(
        description="When the last one of the earlier secrets expires; null: none is valid"
    )
    projected: Projected


class GeneratedSecret(CurrentSecret):
    """A secret that was just made."""

    secret: str = Field(description="Shown this once: only a hash of it is kept")


class _Secrets:
    """What the routes of one kind do."""

    def __init__(
        self, kind: Kind, database: Database, projector: Projector, preparation: SecretHasher
    ) -> None:
        self._kind = kind
        self._database = database
        self._projector = projector
        self._preparation = preparation

    async def make_newest(
        self, device_id: str, secret: str, overlap: timedelta, who: str
    ) -> dict[str, Any]:
        """Set a secret, and return what `CurrentSecret` tells of it."""
        self._preparation.require_key()
        await self._require(device_id)
        prepared = await self._preparation.of_one(self._kind, device_id, secret)
        async with self._database.changing(who) as connection:
            # Again: hashing takes a while.
            await self._number(connection, device_id)
            wishes = {device_id: prepared}
            changed = await device_secrets.set_many(connection, self._kind, wishes, overlap)
            number = await self._number(connection, device_id)
            stored = await device_secrets.stored(connection, self._kind, [device_id])
        if changed:
            _log.info("secret set", kind=self._kind.value, id=device_id, secrets_number=number)
        *earlier, newest = stored[device_id]
        return {
            "created_at": newest.created_at,
            "earlier_until": max(
                (each.expires_at for each in earlier if each.expires_at), default=None
            ),
            "projected": await self._projector.in_effect(number),
        }

    async def all_of(self, device_id: str) -> list[ShownSecret]:
        await self._require(device_id)
        async with self._database.reading() as connection:
            found = await device_secrets.stored(connection, self._kind, [device_id])
        return [self._shown(each) for each in reversed(found.get(device_id, []))]

    async def remove(self, device_id: str, who: str) -> None:
        await self._require(device_id)
        async with self._database.changing(who) as connection:
            removed = await device_secrets.remove_all(connection, self._kind, device_id)
            number = await self._number(connection, device_id)
        if removed:
            _log.info("secrets removed", kind=self._kind.value, id=device_id, secrets_number=number)
        await self._projector.in_effect(number)

    async def _require(self, device_id: str) -> None:
        if not is_device_id(device_id):
            raise not_registered(self._kind, device_id)
        async with self._database.reading() as connection:
            await self._number(connection, device_id)

    async def _number(self, connection: Connection, device_id: str) -> int:
        number = await device_secrets.number_of(connection, self._kind, device_id)
        if number is None:
            raise not_registered(self._kind, device_id)
        return number

    def _shown(self, secret: StoredSecret) -> ShownSecret:
        return ShownSecret(
            created_at=secret.created_at,
            expires_at=secret.expires_at,
            usable=self._preparation.fits_key(secret),
        )


def secret_routes(
    kind: Kind, database: Database, projector: Projector, preparation: SecretHasher
) -> APIRouter:
    """Return the routes of ``/chargers/{id}/secret`` or ``/widgets/{id}/secret``."""
    routes = APIRouter(prefix=f"/{kind.value}s/{{device_id}}/secret", tags=["secrets"])
    secrets = _Secrets(kind, database, projector, preparation)

    @routes.put(
        "",
        operation_id=f"set_{kind.value}_secret",
        summary=f"Set a {kind.value}'s secret",
        responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )
    async def set_(device_id: AnyId, wish: SecretWish, who: Who) -> CurrentSecret:
        secret = wish.secret.get_secret_value()
        return CurrentSecret(**await secrets.make_newest(device_id, secret, wish.overlap, who.name))

    @routes.post(
        "",
        operation_id=f"generate_{kind.value}_secret",
        summary=f"Make a new secret for a {kind.value}; it is shown this once",
        status_code=HTTPStatus.CREATED,
        responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )
    async def generate(
        device_id: AnyId,
        who: Who,
        response: Response,
        rotation: Annotated[Rotation | None, Body()] = None,
    ) -> GeneratedSecret:
        secret = new_secret()
        overlap = (rotation or Rotation()).overlap
        made = await secrets.make_newest(device_id, secret, overlap, who.name)
        response.headers["Cache-Control"] = "no-store"
        return GeneratedSecret(secret=secret, **made)

    @routes.get(
        "",
        operation_id=f"get_{kind.value}_secret",
        summary=f"Look at a {kind.value}'s secrets: since when there are some, not what they are",
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def get(device_id: AnyId) -> ShownSecrets:
        return ShownSecrets(items=await secrets.all_of(device_id))

    @routes.delete(
        "",
        operation_id=f"remove_{kind.value}_secret",
        summary=f"Remove all secrets of a {kind.value}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def remove(device_id: AnyId, who: Who) -> None:
        await secrets.remove(device_id, who.name)

    return routes
