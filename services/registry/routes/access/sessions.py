"""REST: sessions of the console, and codes to sign in with."""

from datetime import datetime
from http import HTTPStatus

from fastapi import Request, Response
from pydantic import BaseModel, Field

from services.registry.access import api_keys, keys, sessions
from services.registry.access.keys import Role
from services.registry.api.guarded_route import (
    GuardedRouter,
    cookie_of,
    is_encrypted,
    operation_of,
    session_in,
)
from services.registry.api.problems import problem_responses
from services.registry.api.representations import RequestBody
from services.registry.desk import qr
from services.registry.errors import KeyEndedError, NoSuchKeyError, NotAllowedError
from services.registry.postgres.database import Connection
from services.registry.routes.access.keys import Oneself, oneself
from services.registry.routes.dependencies import OperatorDep, PartsDep
from services.registry.routes.desk.own_address import own_address
from shared.process import logs

_log = logs.get(__name__)


class Session(Oneself):
    """A session that has begun; the cookie is what it is known by."""

    expires_at: datetime = Field(description="When it ends; or before, with its key")


class CodeWish(RequestBody):
    """Whose code to make."""

    key_id: str = Field(
        description="Id of the key that sessions of it belong to", examples=["3f9a51c2d07e"]
    )


class SignInCode(BaseModel):
    """A code that begins one session."""

    code: str = Field(description="Shown this once", examples=["clo_…"])
    link: str = Field(
        description="What signs in when it is opened: the console at the address that this request "
        "went to, with the code",
        examples=["http://192.168.1.5:3300/console/#code=clo_…"],
    )
    qr: list[str] = Field(
        description="The link as a QR code, row by row: 1 is a dark module, 0 a light one. Four "
        "light ones belong around it",
        examples=[["111111101", "100000101"]],
    )
    name: str = Field(description="Who will be signed in", examples=["anton"])
    expires_at: datetime = Field(description="Until when it is good")


routes = GuardedRouter(prefix="/session", tags=["access"])


@routes.post(
    "",
    operation_id="begin_session",
    summary="Sign in: a cookie in place of the key, for twelve hours",
    description="With an API key or a sign-in code as the bearer. The cookie is for a page of "
    "this registry: what is sent with it needs the header `X-Chargelight-Console`, and a change "
    "needs this registry's own `Origin`.",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(HTTPStatus.CONFLICT),
)
async def begin(
    request: Request, response: Response, operator: OperatorDep, parts: PartsDep
) -> Session:
    parts.authorization.require_on()
    async with parts.database.connection() as connection:
        session, ends = await sessions.begin(connection, operator.key_id)
    encrypted = is_encrypted(request)
    response.set_cookie(
        cookie_of(encrypted=encrypted),
        session,
        max_age=int(sessions.SESSION_LASTS.total_seconds()),
        secure=encrypted,
        httponly=True,
        samesite="strict",
    )
    _log.info("signed in", key_id=operator.key_id, name=operator.name)
    return Session(**dict(oneself(operator)), expires_at=ends)


@routes.delete(
    "",
    operation_id="end_session",
    summary="Sign out: the session of the cookie ends",
    status_code=HTTPStatus.NO_CONTENT,
)
async def end(request: Request, response: Response, parts: PartsDep) -> None:
    if (session := session_in(request)) is not None:
        async with parts.database.connection() as connection:
            await sessions.end(connection, session)
    for encrypted in (True, False):
        response.delete_cookie(
            cookie_of(encrypted=encrypted), secure=encrypted, httponly=True, samesite="strict"
        )


@routes.post(
    "/codes",
    operation_id="create_sign_in_code",
    summary="Make a code that signs someone in once, within five minutes",
    description="To be shown as a QR code, which a phone's camera opens. For one's own key, or "
    "for that of someone who is no admin.",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def create_code(
    request: Request, body: CodeWish, operator: OperatorDep, parts: PartsDep
) -> SignInCode:
    parts.authorization.require_on()
    async with parts.database.write_transaction(operator) as connection:
        holder = await _valid(connection, body.key_id)
        if holder.role is Role.ADMIN and holder.id != operator.key_id:
            parts.authorization.refuse(
                operator,
                operation_of(request),
                NotAllowedError("another admin signs in with a key: make a code for your own"),
            )
        code, ends = await sessions.make_code(connection, holder.id)
    _log.info("sign-in code made", key_id=holder.id, name=holder.name)
    link = f"{own_address(request, None)}/console/#code={code}"
    rows = qr.rows_of(link)
    return SignInCode(code=code, link=link, qr=rows, name=holder.name, expires_at=ends)


async def _valid(connection: Connection, key_id: str) -> keys.StoredKey:
    if not key_id.isascii() or not key_id.isalnum():
        raise NoSuchKeyError
    stored, now = await api_keys.find_stored(connection, key_id)
    if stored is None:
        raise NoSuchKeyError
    if keys.end_of(stored, now) is not None:
        raise KeyEndedError("this key was revoked, or has expired. GET /keys lists all keys")
    return stored
