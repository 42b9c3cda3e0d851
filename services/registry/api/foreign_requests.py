"""Refuses what a strange web page has the browser of one of this network's users send."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.registry.api.problems import ProblemError, response_to
from shared.process.hosts import NOT_OWN_HOST, WebHost, is_own_host

_READING: Final = ("GET", "HEAD", "OPTIONS")
"""Change nothing, and no page reads the answer without leave (CORS)."""
_OWN_SITES: Final = ("", "same-origin", "none")
"""Of ``Sec-Fetch-Site`` (W3C Fetch Metadata); empty: no browser, or one that sends ``Origin``."""


class RefuseForeignRequests:
    """Refuses requests for a host that is not ours (421), and changes by another page (403).

    Args:
        app: What answers the others.
        allowed_hosts: Names of this hub, in lower case.
        origins: Pages that may use the API, letter for letter.
    """

    def __init__(
        self, app: ASGIApp, allowed_hosts: Collection[str], origins: Collection[str]
    ) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it before its body is read."""
        error = self._refusal(scope) if scope["type"] == "http" else None
        await (self._app if error is None else response_to(error))(scope, receive, send)

    def _refusal(self, scope: Scope) -> ProblemError | None:
        headers = Headers(scope=scope)
        # A browser sends one of each; no rule fits several.
        host, origin, site = (
            ",".join(headers.getlist(name)) for name in ("Host", "Origin", "Sec-Fetch-Site")
        )
        if not is_own_host(host, self._allowed_hosts) and "Host" in headers:
            return ProblemError(HTTPStatus.MISDIRECTED_REQUEST, f"{NOT_OWN_HOST}.")
        if scope["method"] in _READING or origin in self._origins:
            return None
        if site in _OWN_SITES and ("Origin" not in headers or is_same(origin, host)):
            return None
        return ProblemError(
            HTTPStatus.FORBIDDEN,
            "this comes from another web page, and nothing was changed. If that page may use the "
            "registry, add its origin to CHARGELIGHT_REGISTRY_ORIGINS",
        )


def is_same(origin: str, host: str) -> bool:
    """Tell whether a page came from here. A proxy may have added TLS, so the scheme may differ."""
    page = WebHost.of_origin(origin)
    return page is not None and page == WebHost.of_header(host)
