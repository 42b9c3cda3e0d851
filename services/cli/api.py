"""The registry's REST API, as the commands use it."""

import re
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NewType
from urllib.parse import quote

import httpx

from services.cli.failures import RefusedError, UnreachableError, WrongUseError
from shared.process.checks.urls import WrongUrlError, split_url
from shared.process.tls.client_errors import explain_tls_error

Address = NewType("Address", str)
"""Path of something in the API; only `address` makes one."""

_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
_IMPORT_TIMEOUT: Final = httpx.Timeout(300.0, connect=5.0)
_SHORT_TIMEOUT: Final = httpx.Timeout(3.0)
"""For what a registry has at hand."""
_PAGE: Final = 1000

_NOT_NOW: Final = {
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
"""Nothing was decided: the registry, or what it needs, is away."""


_NO_URL: Final = "what CHARGELIGHT_CLI_URL or --url says is no HTTP URL"
_UNKNOWN_KEY: Final = "The one that was presented is not known here, or it was revoked"
_NO_ADDRESS: Final = "urn:chargelight:problem:no-such-address"
_NO_KEY: Final = "Set CHARGELIGHT_CLI_KEY, or name a file that holds the key: --key-file"
_WITHHELD: Final = "The profile's key was not sent: it is for the profile's own URL"


def address(*segments: str) -> Address:
    """Return the path of something.

    Each argument stays one segment, whatever is in it: ``a/b`` and ``..`` never lead to
    another route.
    """
    return Address("".join(f"/{_segment(each)}" for each in segments))


def _segment(text: str) -> str:
    if text in {".", ".."}:
        return text.replace(".", "%2E")
    return quote(text, safe="", errors="surrogateescape")


class Answer(dict[str, Any]):
    """An answer of the registry. A missing member means that no registry answered."""

    def __missing__(self, name: str) -> Any:
        raise UnreachableError(
            f"what answers is no registry, or one of another version: {name!r} is not in what it "
            "says. See where CHARGELIGHT_CLI_URL points to"
        )


@dataclass
class Items:
    """The items of a list, fetched page by page as they are read.

    Attributes:
        most: How many at most; None: all.
        cut_off: Whether there are more than ``most``; set once all were read.
    """

    api: "Api"
    where: Address
    most: int | None
    query: dict[str, Any]
    cut_off: bool = False

    def __iter__(self) -> Iterator[Answer]:
        cursor: str | None = None
        left = self.most
        while left is None or left > 0:
            limit = _PAGE if left is None else min(left, _PAGE)
            page = self.api.get(self.where, cursor=cursor, limit=limit, **self.query)
            items = page["items"]
            yield from (Answer(each) for each in items)
            cursor = page["next"]
            if cursor is None:
                return
            if left is not None:
                left -= len(items)
        self.cut_off = True


class Api:
    """A registry.

    Args:
        url: Root of its REST API.
        key: API key to present; empty: none.
        transport: Another way to reach it, for tests.
        is_key_withheld: Whether a key was left out that is for another URL.

    Raises:
        WrongUseError: The text is no URL, or no key.
    """

    def __init__(
        self,
        url: str,
        key: str,
        transport: httpx.BaseTransport | None = None,
        *,
        is_key_withheld: bool = False,
    ) -> None:
        self._url = _check_url(url)
        self._has_key = bool(key)
        self._is_key_withheld = is_key_withheld
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {_check_key(key)}"} if key else {},
            timeout=_TIMEOUT,
            # A proxy of this machine does not lead to a booth.
            trust_env=False,
            # The system's CA certificates, or those in SSL_CERT_FILE; not httpx's own list.
            verify=ssl.create_default_context(),
            transport=transport,
        )

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    def get(self, where: Address, **query: object) -> Answer:
        """Look at something; queries that are None are left out."""
        return self._send("GET", where, query)

    def version(self) -> str:
        """Return the registry's version; it needs no key, and is not waited for long."""
        document = self._send("GET", address("openapi.json"), {}, timeout=_SHORT_TIMEOUT)
        return str(Answer(document["info"])["version"])

    def hub(self) -> Answer:
        """Return how the hub is: looked at when something hangs, so not waited for long."""
        return self._send("GET", address("hub"), {}, timeout=_SHORT_TIMEOUT)

    def put(self, where: Address, body: dict[str, Any] | None, **query: object) -> Answer:
        """Set something."""
        return self._send("PUT", where, query, json=body)

    def patch(self, where: Address, body: dict[str, Any]) -> Answer:
        """Change a part of something."""
        return self._send("PATCH", where, {}, json=body)

    def post(self, where: Address, body: dict[str, Any] | None = None, **query: object) -> Answer:
        """Make or do something."""
        return self._send("POST", where, query, json=body)

    def delete(self, where: Address) -> Answer:
        """Remove something."""
        return self._send("DELETE", where, {})

    def pages(self, where: Address, most: int | None, **query: object) -> Items:
        """Return the items of a list, no more than ``most`` (None: all)."""
        return Items(self, where, most, query)

    def upload(
        self, where: Address, content: Iterable[bytes], media_type: str, **query: object
    ) -> Answer:
        """Send a file, piece by piece."""
        headers = {"Content-Type": media_type}
        return self._send(
            "POST", where, query, content=content, headers=headers, timeout=_IMPORT_TIMEOUT
        )

    def download(self, where: Address, **query: object) -> Iterator[bytes]:
        """Yield the pieces of a file."""
        try:
            with self._client.stream(
                "GET", self._url + where, params=_drop_none(query)
            ) as response:
                if not response.is_success:
                    response.read()
                    raise self._failure(response)
                yield from response.iter_bytes()
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise self._unreachable(error) from error

    def _send(self, method: str, where: Address, query: dict[str, Any], **more: Any) -> Answer:
        try:
            response = self._client.request(
                method, self._url + where, params=_drop_none(query), **more
            )
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise self._unreachable(error) from error
        except UnicodeEncodeError as error:  # it came from the command line, byte by byte
            raise WrongUseError("what you typed is not UTF-8 text") from error
        if response.is_success:
            return self._parse_answer(response)
        raise self._failure(response)

    def _parse_answer(self, response: httpx.Response) -> Answer:
        if not response.content:
            return Answer()
        said = _json_object(response)
        if said is None:
            raise UnreachableError(
                f"what answers at {self._url} is no registry. See where CHARGELIGHT_CLI_URL "
                "points to"
            )
        return Answer(said)

    def _unreachable(self, error: Exception) -> UnreachableError:
        text = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
        reason = explain_tls_error(text)
        if isinstance(error, httpx.ReadTimeout):
            reason = "it takes connections and does not answer: it hangs, or Postgres does"
        if isinstance(error, httpx.RemoteProtocolError) and self._url.startswith("http:"):
            reason = f"{reason.rstrip('.')}; does it speak https://?"
        return UnreachableError(
            f"no registry answers at {self._url} ({reason}). Widgets may still get their lights; "
            "see whether it runs, or set CHARGELIGHT_CLI_URL"
        )

    def _failure(self, response: httpx.Response) -> RefusedError | UnreachableError:
        status = response.status_code
        if response.has_redirect_location:
            return UnreachableError(
                f"{self._url} leads on to {response.headers['Location']}: set CHARGELIGHT_CLI_URL "
                "to where the registry itself is"
            )
        problem = _json_object(response) or {}
        text = _reason_in(problem)
        if text is None:
            problem = {}
            text = f"HTTP {status} from {self._url}, and no reason given. Is it a registry?"
        elif problem.get("type") == _NO_ADDRESS or text == HTTPStatus(status).phrase:
            # Of the framework, not of a route: the latter from older registries.
            problem = {}
            request = response.request
            text = (
                f"this registry has no {request.method} {request.url.path}. "
                "Is it older than this command line, or the path in CHARGELIGHT_CLI_URL wrong?"
            )
        if status in _NOT_NOW:
            return UnreachableError(text, problem)
        hint = []
        if status == HTTPStatus.UNAUTHORIZED:
            hint = [_UNKNOWN_KEY if self._has_key else _NO_KEY]
            hint += [_WITHHELD] if self._is_key_withheld else []
        return RefusedError("\n".join([text, *hint, *_mistakes(problem)]), problem)


def _check_url(text: str) -> str:
    try:
        parts = split_url(text, ("http", "https"))
        httpx.URL(text)
    except (WrongUrlError, httpx.InvalidURL) as error:
        # httpx quotes the URL.
        why = str(error) if isinstance(error, WrongUrlError) else "its host cannot be read"
        raise WrongUseError(f"{_NO_URL}: {why}. One is http://127.0.0.1:3300") from None
    if not parts.hostname:
        raise WrongUseError(f"{_NO_URL}: it names no host. One is http://127.0.0.1:3300")
    if "@" in parts.netloc or parts.query or parts.fragment:
        # Not its text: there may be a password in it.
        raise WrongUseError(
            "the URL has more in it than scheme, host, port and path. Keys are not part of it: "
            "set CHARGELIGHT_CLI_KEY, or name a file that holds the key: --key-file"
        )
    return text.rstrip("/")


def _check_key(key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise WrongUseError(
            "this cannot be an API key: a key is one word of ASCII characters, clk_…. "
            "Is CHARGELIGHT_CLI_KEY, or the key file, what it should be?"
        )
    return key


def _drop_none(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _json_object(response: httpx.Response) -> dict[str, Any] | None:
    try:
        said = response.json()
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _reason_in(problem: dict[str, Any]) -> str | None:
    """Return what the registry said is wrong; None: it was no registry."""
    wrong = [each for each in _errors(problem) if "where" in each]
    if wrong:
        # Without "body." or "query.": a command has neither.
        named = ((str(each["where"]).partition("."), each.get("problem")) for each in wrong)
        return "; ".join(f"{name or whole}: {what}" for (whole, _, name), what in named)
    text = problem.get("detail") or problem.get("title")
    return text if isinstance(text, str) else None


def _mistakes(problem: dict[str, Any]) -> list[str]:
    """Return what is wrong in a file, line by line."""
    found = [each for each in _errors(problem) if "line" in each]
    if len(found) == problem.get("total") == 1:
        return []  # the problem's own text has it
    lines = []
    for each in found:
        column = f", {each['column']}" if each.get("column") else ""
        lines.append(f"  line {each['line']}{column}: {each.get('problem')}")
    total = problem.get("total")
    if found and isinstance(total, int) and total > len(found):
        lines.append(f"  and {total - len(found):,} more")
    return lines


def _errors(problem: dict[str, Any]) -> list[dict[str, Any]]:
    errors = problem.get("errors")
    return [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
