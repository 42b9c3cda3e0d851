"""Times in a query."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator, Field

from services.registry.api.problems import ProblemError

# In a query, a + stands for a space (https://url.spec.whatwg.org, "urlencoded parsing").
_LOST_PLUS: Final = re.compile(r"(\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:?\d\d)")


def _must_be_written_out(value: object) -> object:
    if not isinstance(value, str):
        return value
    if lost := _LOST_PLUS.search(value):
        raise ValueError(
            "the + in it arrived as a space, as a + in an address does. Write %2B in its place: "
            f"{value[: lost.start()]}{lost[1]}%2B{lost[2]}"
        )
    # A number would pass for seconds since 1970, and a typing error for a moment then.
    if "-" not in value[1:]:
        raise ValueError("write it as 2026-11-24T08:00:00Z")
    return value


Time = Annotated[
    AwareDatetime,
    BeforeValidator(_must_be_written_out),
    Field(examples=["2026-11-24T08:00:00Z", "2026-11-24T10:00:00+02:00"]),
]
"""A time with its zone (RFC 3339)."""


def require_order(since: datetime | None, until: datetime | None) -> None:
    """Check that a span of time does not end before it begins: nothing would be found in it.

    Raises:
        ProblemError: It does.
    """
    if since is not None and until is not None and until < since:
        detail = f"until: {until:%Y-%m-%dT%H:%M:%SZ} is before since; exchange the two"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
