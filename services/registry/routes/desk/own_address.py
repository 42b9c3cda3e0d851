"""The address under which others reach this registry, for links that are printed or shown."""

import re
from typing import Annotated, Final

from fastapi import Query, Request
from pydantic import AfterValidator, WithJsonSchema

from services.registry.api.guarded_route import is_encrypted

_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]{1,100}(?:/[A-Za-z0-9._~/-]{0,100})?")
_RULE: Final = "it must be as http://192.168.1.5:3300 or https://hub.example"


def _must_be_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(_RULE)
    return text.rstrip("/")


LinkAddress = Annotated[
    Annotated[
        str,
        AfterValidator(_must_be_address),
        WithJsonSchema(
            {
                "type": "string",
                "pattern": f"^{_ADDRESS.pattern}$",
                "examples": ["https://hub.example"],
            }
        ),
    ]
    | None,
    Query(description="What links begin with; left out: the address that this request went to"),
]


def own_address(request: Request, asked: str | None) -> str:
    """Return what links to this registry begin with."""
    if asked is not None:
        return asked
    scheme = "https" if is_encrypted(request) else "http"
    return f"{scheme}://{request.headers.get('Host', '')}{request.scope['root_path']}"
