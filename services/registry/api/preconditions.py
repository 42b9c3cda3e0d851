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
    str | None,
    Header(
        max_length=1000,
        description="`*`: only if there is none yet; an `ETag`: only if it has another one now",
    ),
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
    # Weak ones never match here (RFC 9110, section 13.1.1): they stay W/"…".
    if if_match is None or if_match.strip() == "*" or etag in _tags(if_match):
        return
    raise ProblemError(
        HTTPStatus.PRECONDITION_FAILED,
        f"somebody changed it since: its ETag is {etag} now. Look at it again, then decide",
        kind="changed-meanwhile",
        title="Changed meanwhile",
        etag=etag,
    )


def require_none(if_none_match: str | None, etag: str | None) -> None:
    """Refuse a change of something that must not be there, or not like that.

    Args:
        if_none_match: What the client sent; None: it does not mind.
        etag: What is there now; None: nothing.

    Raises:
        ProblemError: It is there (412).
    """
    if if_none_match is None or etag is None:
        return
    if if_none_match.strip() == "*":
        raise ProblemError(
            HTTPStatus.PRECONDITION_FAILED,
            "there is one already. Leave out If-None-Match to change it",
            kind="exists",
            title="Exists already",
        )
    # Here weak ones match too (RFC 9110, section 13.1.2).
    if etag in {tag.removeprefix("W/") for tag in _tags(if_none_match)}:
        raise ProblemError(
            HTTPStatus.PRECONDITION_FAILED,
            f"it still has the ETag {etag}. Leave out If-None-Match to change it all the same",
            kind="exists",
            title="Exists already",
        )


def _tags(header: str) -> set[str]:
    return {part.strip() for part in header.split(",")}
