"""Not overwriting what somebody else changed meanwhile: ETag, If-Match, If-None-Match.

RFC 9110, sections 8.8.3 and 13.
"""

import hashlib
import json
from http import HTTPStatus
from typing import Annotated

from fastapi import Header

from services.registry.api.problems import ProblemError

IfMatch = Annotated[
    str | None,
    Header(
        max_length=1000,
        description="Only if it still is as it was: the `ETag` that came with it, or `*`",
    ),
]

IfNoneMatch = Annotated[
    str | None, Header(max_length=1000, description="`*`: only if there is none yet")
]


def etag_of(*values: str | int | None) -> str:
    """Return the entity tag of what is made of these values."""
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
    return f'"{digest[:20]}"'


def require_match(if_match: str | None, etag: str) -> None:
    """Refuse a change of something that is not as its author saw it last.

    Args:
        if_match: What the client sent; None: it does not mind.
        etag: What it has now.

    Raises:
        ProblemError: It was changed since (412).
    """
    if if_match is None or if_match.strip() == "*" or etag in _tags(if_match):
        return
    raise ProblemError(
        HTTPStatus.PRECONDITION_FAILED,
        f"somebody changed it since: its ETag is {etag} now. Look at it again, then decide",
        kind="changed-meanwhile",
        title="Changed meanwhile",
        etag=etag,
    )


def require_none(if_none_match: str | None, *, exists: bool) -> None:
    """Refuse to create what is there already, if the client asked for that.

    Raises:
        ProblemError: There is one (412).
    """
    if exists and if_none_match is not None and if_none_match.strip() == "*":
        raise ProblemError(
            HTTPStatus.PRECONDITION_FAILED,
            "there is one already. Leave out If-None-Match to change it",
            kind="exists",
            title="Exists already",
        )


def _tags(header: str) -> set[str]:
    # Weak ones never match here (RFC 9110, section 8.8.3.2): they stay W/"…".
    return {part.strip() for part in header.split(",")}
