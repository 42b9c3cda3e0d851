"""Errors of the REST API as ``application/problem+json`` (RFC 9457)."""

from http import HTTPStatus
from typing import Any, Final, TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from services.registry import errors
from services.registry.api.mistakes import mistakes_in, operation_of
from services.registry.postgres.conditions import PostgresUnavailableError
from shared.bus.bus import BusUnavailableError
from shared.process import logs

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 2

_Kind: TypeAlias = tuple[int, str | None, str | None]
"""Status, last word of the type, title; None, None where the status says it all."""

_KINDS: Final[dict[type[errors.DomainError], _Kind]] = {
    errors.NotAuthenticatedError: (401, None, None),
    errors.NotAllowedError: (403, None, None),
    errors.NoSuchKeyError: (404, "no-such-key", "No such key"),
    errors.NotRegisteredError: (404, "not-registered", "Not registered"),
    errors.NotPairedError: (404, "not-paired", "Not paired"),
    errors.NoSuchRentalError: (404, "no-such-rental", "No such rental"),
    errors.NoSuchBoothError: (404, "no-such-booth", "No such booth"),
    errors.BoothExistsError: (409, "booth-exists", "The booth exists"),
    errors.BoothInUseError: (409, "booth-is-in-use", "The booth is in use"),
    errors.AuthenticationOffError: (409, "authentication-off", "No API key is required"),
    errors.NameTakenError: (409, "name-is-taken", "The name is taken"),
    errors.KeyEndedError: (409, "key-has-ended", "The key has ended"),
    errors.NoCredentialKeyError: (409, "no-credential-key", "No credential key"),
    errors.ChargerIsPairedError: (
        409,
        "charger-is-paired",
        "The charger is paired with another widget",
    ),
    errors.WidgetIsPairedError: (
        409,
        "widget-is-paired",
        "The widget is paired with another charger",
    ),
    errors.CanaryError: (409, "canary", "A canary"),
    errors.RentalIsOpenError: (409, "rental-is-open", "A rental is open"),
    errors.RentalIsOverError: (409, "rental-is-over", "The rental is over"),
    errors.RentalExistsError: (409, "rental-exists", "The id is taken"),
    errors.NoWidgetToGiveError: (409, "not-paired", "Not paired"),
    errors.NoWidgetToReturnError: (409, "no-widget-to-return", "No widget to return"),
    errors.NoDestinationError: (409, "no-destination", "No destination is set"),
    errors.ChargerOfflineError: (409, "charger-is-offline", "The charger is offline"),
    errors.SpeaksNoOcppError: (409, "speaks-no-ocpp", "The charger does not speak OCPP"),
    errors.CommandIdTakenError: (409, "command-was-sent", "The command was sent before"),
    errors.ChangedMeanwhileError: (412, "changed-meanwhile", "Changed meanwhile"),
    errors.ExistsError: (412, "exists", "Exists already"),
    errors.TooManyRowsError: (413, None, None),
    errors.ImportRefusedError: (422, "import-refused", "Nothing was imported"),
    errors.TooBusyError: (503, "too-busy", "Too many at once"),
    errors.DirectoryAbsentError: (503, "directory-absent", "The directory is not there"),
    errors.CommandNotSentError: (503, "command-not-sent", "The command was not sent"),
    errors.NoAnswerError: (504, "no-answer", "The charger did not answer"),
}

_MEANINGS: Final = {
    HTTPStatus.REQUEST_TIMEOUT: "The body took too long to arrive; send it again",
    HTTPStatus.UNAUTHORIZED: "There is no valid API key in the request",
    HTTPStatus.FORBIDDEN: "The role of the API key does not include this, or a web page that may "
    "not use the registry sends it",
    HTTPStatus.NOT_FOUND: "It is not there; `detail` says what is not",
    HTTPStatus.CONFLICT: "Something is in the way; `detail` says what, and what to do",
    HTTPStatus.PRECONDITION_FAILED: "It is not as the condition wants it; `etag` is the present "
    "state's",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large; send it in parts",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not in a format or encoding that is read here",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request makes no sense; `detail` says where it does not",
    HTTPStatus.MISDIRECTED_REQUEST: "The `Host` header may be a stranger's name",
    HTTPStatus.SERVICE_UNAVAILABLE: "Postgres or Redis is away or busy. Try again in a moment",
    HTTPStatus.GATEWAY_TIMEOUT: "The charger did not answer in time; `detail` says what that means",
}
"""What each status means, for the OpenAPI document."""

_HEADERS: Final = {
    HTTPStatus.UNAUTHORIZED: {
        "WWW-Authenticate": {
            "description": "How to present a key",
            "schema": {"type": "string", "examples": ["Bearer"]},
        }
    },
    HTTPStatus.SERVICE_UNAVAILABLE: {
        "Retry-After": {
            "description": "When to try again, in seconds",
            "schema": {"type": "integer", "examples": [RETRY_AFTER_SECONDS]},
        }
    },
}

_log = logs.get(__name__)


class Problem(BaseModel):
    """What went wrong, and what to do about it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        default="about:blank",
        description="about:blank where the status says it all, else urn:chargelight:problem:…",
        examples=["urn:chargelight:problem:widget-is-paired"],
    )
    title: str = Field(
        description="The kind of problem; the same each time",
        examples=["The widget is paired with another charger"],
    )
    status: int = Field(description="The HTTP status", examples=[409])
    detail: str = Field(
        description="This problem, and what to do",
        examples=["the widget wABCD is paired with the charger c1234. Unpair first, or …"],
    )


class ProblemError(Exception):
    """A request that is wrong as HTTP, whatever it asks for; `errors` has all other reasons.

    Args:
        status: The HTTP status.
        detail: What is wrong here, and what to do.
    """

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.problem = _problem(status, detail)


def of_error(error: errors.DomainError) -> Problem:
    """Return what the REST API says of an error."""
    status, kind, title = _KINDS[type(error)]
    return _problem(status, str(error), kind, title, **error.facts)


def _problem(
    status: int, detail: str, kind: str | None = None, title: str | None = None, **facts: object
) -> Problem:
    return Problem.model_validate(
        {
            "type": f"urn:chargelight:problem:{kind}" if kind else "about:blank",
            "title": title or HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            **facts,
        }
    )


def problem_responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that may answer with these problems."""
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        int(status): {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: reference},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status in statuses
    }


def install(api: FastAPI) -> None:
    """Make an API answer every error as a problem, and document it so."""
    api.add_exception_handler(errors.DomainError, _on_domain_error)
    api.add_exception_handler(ProblemError, _on_problem_error)
    api.add_exception_handler(PostgresUnavailableError, _on_postgres_unavailable)
    api.add_exception_handler(BusUnavailableError, _on_redis_away)
    api.add_exception_handler(RequestValidationError, _on_validation_error)
    api.add_exception_handler(HTTPException, _on_http_error)
    generate = api.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        return document

    # The documented way: https://fastapi.tiangolo.com/how-to/extending-openapi/
    api.openapi = openapi  # type: ignore[method-assign]


def _response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    headers = headers or {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        # RFC 9110, section 11.6.1: a 401 says how to do better.
        headers.setdefault("WWW-Authenticate", "Bearer")
    elif problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return JSONResponse(
        problem.model_dump(), problem.status, headers=headers, media_type=MEDIA_TYPE
    )


async def _on_domain_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.DomainError)  # noqa: S101 - registered for it
    return _response(of_error(error))


def response_to(error: ProblemError) -> JSONResponse:
    """Return the answer to a request that is wrong as HTTP."""
    return _response(error.problem)


async def _on_problem_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for it
    return response_to(error)


_DETAILS: Final = {
    "postgres-away": "Devices and pairings cannot be read or changed right now. Widgets still get "
    "their lights. Try again in a moment.",
    "directory-busy": "A large import is running, or a transaction is open in psql. Nothing "
    "was changed. Try again in a moment.",
    "postgres-refuses": "Nothing was changed. Widgets still get their lights. The registry's log "
    "and its /readyz say what to do.",
}
_TITLES: Final = {
    "postgres-away": "Postgres is away",
    "directory-busy": "The directory is being changed",
    "postgres-refuses": "Postgres refuses",
}


async def _on_postgres_unavailable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PostgresUnavailableError)  # noqa: S101 - registered for it
    if error.is_bug:
        raise error  # reported like every other bug
    condition = error.condition
    kind = condition.problem
    if kind != "directory-busy":
        _log.warning("request refused", reason=f"{condition.summary}: {error}")
    # Without the error itself, which names tables and users.
    detail = _DETAILS[kind]
    if kind == "postgres-refuses":
        detail = f"{condition.summary}. {detail}"
    return _unavailable(kind, _TITLES[kind], detail)


async def _on_redis_away(_request: Request, error: Exception) -> JSONResponse:
    _log.warning("request refused, redis is away", reason=str(error))
    return _unavailable(
        "redis-away",
        "Redis is away",
        "The live state cannot be read right now. Devices and pairings can, as long "
        "as Postgres answers. Try again in a moment.",
    )


def answer_to_cut_off() -> JSONResponse:
    """Return the answer to a request that the registry ends because it stops."""
    return _unavailable(
        "stopping",
        "The registry is stopping",
        "This request did not end in time. It was done as a whole or not at all, most likely not "
        "at all. Send it again: another registry answers, or this one when it runs again.",
    )


def _unavailable(kind: str, title: str, detail: str) -> JSONResponse:
    return _response(_problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind, title))


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    schemas = request.app.openapi()["components"]["schemas"]
    mistakes = mistakes_in(error.errors(), operation_of(request), schemas)
    detail = "; ".join(f"{each['where']}: {each['problem']}" for each in mistakes)
    return _response(_problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=mistakes))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status, detail = HTTPStatus(error.status_code), str(error.detail)
    headers = dict(error.headers or {})
    if status == HTTPStatus.BAD_REQUEST:
        # FastAPI says 400 for bytes that are not UTF-8, but 422 for other bodies that are not
        # JSON.
        status, detail = HTTPStatus.UNPROCESSABLE_ENTITY, "body: not JSON in UTF-8"
    elif status == HTTPStatus.NOT_FOUND and detail == status.phrase:
        detail = "there is no such address; /docs and /openapi.json have all there are"
        return _response(_problem(status, detail, "no-such-address", "No such address"), headers)
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods_at(request)) or "GET, HEAD"
        headers["Allow"] = allowed
        detail = f"this method is not possible here; there are {allowed}"
    return _response(_problem(status, detail), headers)


def _methods_at(request: Request) -> list[str]:
    """Return the methods of an operation's path; Starlette names those of its first route."""
    address = request.scope["path"].removeprefix(request.scope["root_path"])
    methods = {
        method.upper()
        for path, operations in request.app.openapi()["paths"].items()
        if compile_path(path)[0].match(address)
        for method in operations
    }
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def answer_to_bug() -> JSONResponse:
    """Return the answer to a request that met a bug."""
    return _response(
        _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "A bug; the registry's log has it.")
    )
