"""The console's address: files from memory, for everyone, also while Redis and Postgres are away.

Nothing in them is secret; what they show comes by the REST API, with a session.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from services.registry.api.guarded_route import authorization_of
from services.registry.console.files import INDEX, File, file_with, read_files
from shared.version import VERSION

ADDRESS: Final = "/console"

ABOUT_HUB: Final = "hub.json"
"""What the page must know before anyone has signed in. It is also asked for to see whether the hub
is within reach."""

# What texts become part of the page goes through lit-html, which escapes them; this has the browser
# refuse anything else (https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/). The
# reader of codes is WebAssembly, which needs a word of its own: it allows no script from text.
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html"
)

_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    # Kept, and asked about each time: so that all files are of one version.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


def add_console(api: FastAPI) -> None:
    """Add the routes."""
    files = read_files()

    async def show(request: Request) -> Response:
        return _answer(request, files)

    api.add_route(ADDRESS, _redirect, include_in_schema=False)
    api.add_route(f"{ADDRESS}/{{path:path}}", show, include_in_schema=False)


async def _redirect(request: Request) -> Response:
    # With the slash, the page's own addresses are relative to it, below any prefix.
    return RedirectResponse(f"{request.scope['root_path']}{ADDRESS}/")


def _answer(request: Request, files: Mapping[str, File]) -> Response:
    path: str = request.path_params["path"]
    file = _about_hub(request) if path == ABOUT_HUB else files.get(path or INDEX)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    headers = {**_HEADERS, "ETag": file.etag}
    if file.etag in request.headers.get("If-None-Match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    body = file.body
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = file.packed, "gzip"
    return Response(body, media_type=file.media_type, headers=headers)


def _about_hub(request: Request) -> File:
    auth = "required" if authorization_of(request).required else "off"
    text = json.dumps({"version": VERSION, "auth": auth})
    return file_with(text.encode(), "application/json")
