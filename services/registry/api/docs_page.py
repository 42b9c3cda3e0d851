"""The page with the documentation, and the document it shows; where keys are required, with one.

A browser that opens an address sends no Bearer: here, and only here, it may present the key as
the password of HTTP Basic (RFC 7617), with any user name. A browser repeats that at every
request, also one that another site made it send: so no other route takes it.
"""

import base64
import re
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.security import HTTPBasic
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from services.registry.api.guarded_route import BEARER, address_of, authorization_of
from services.registry.errors import NotAuthenticatedError

PAGE: Final = "/docs"
DOCUMENT: Final = "/openapi.json"
ASSETS: Final = "/static-offline-docs"

_BASIC: Final = HTTPBasic(auto_error=False)
_CHALLENGE: Final = 'Basic realm="any name, an API key as the password", Bearer'
_INLINE_SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def add_docs(api: FastAPI) -> None:
    """Add the routes."""
    for path, endpoint in ((PAGE, _show_page), (DOCUMENT, _show_document), ("/", _redirect)):
        api.add_route(path, endpoint, include_in_schema=False)
    # Needs no internet, which a festival may not have.
    files = Path(fastapi_offline.__file__).parent / "static"
    api.mount(ASSETS, StaticFiles(directory=files))


async def _redirect(request: Request) -> Response:
    return RedirectResponse(f"{request.scope['root_path']}{PAGE}")


async def _show_document(request: Request) -> Response:
    await _authorize(request)
    document = request.app.openapi()
    root = request.scope["root_path"]
    return JSONResponse({**document, "servers": [{"url": root}]} if root else document)


async def _show_page(request: Request) -> Response:
    await _authorize(request)
    root = request.scope["root_path"]
    page = get_swagger_ui_html(
        openapi_url=f"{root}{DOCUMENT}",
        title=request.app.title,
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = _policy_of(page)
    return page


def _policy_of(page: HTMLResponse) -> str:
    """Return a policy that lets the page run its own script, by its hash, and no other one.

    https://www.w3.org/TR/CSP3/
    """
    digests = [sha256(script).digest() for script in _INLINE_SCRIPT.findall(bytes(page.body))]
    scripts = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


async def _authorize(request: Request) -> None:
    bearer, basic = await BEARER(request), await _BASIC(request)
    key = bearer.credentials if bearer else basic.password if basic else None
    authorization = authorization_of(request)
    try:
        operator = await authorization.operator_with(key, address_of(request))
    except NotAuthenticatedError as error:
        headers = {"WWW-Authenticate": _CHALLENGE}
        raise HTTPException(HTTPStatus.UNAUTHORIZED, str(error), headers) from error
    authorization.require(operator, f"GET {request.url.path}")
