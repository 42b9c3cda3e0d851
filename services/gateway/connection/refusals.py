"""The HTTP answers that refuse a handshake."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

_RETRY_AFTER_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer instead of a connection."""

    status: HTTPStatus
    text: str
    retry_after: int | None = None
    """Seconds, for the ``Retry-After`` header (RFC 9110 section 10.2.3)."""


STOPPING: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, "This gateway is stopping; try again.\n", 1
)
FULL: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "This gateway has all the connections it can hold; try again later.\n",
    _RETRY_AFTER_SECONDS,
)
OVERDUE: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Too many devices connect at this moment; try again soon.\n",
    _RETRY_AFTER_SECONDS,
)
NO_DIRECTORY: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The directory of devices is not there yet; try again later.\n",
    _RETRY_AFTER_SECONDS,
)
# The same for an unknown id and for a wrong secret: it does not tell which ids exist.
UNAUTHORIZED: Final = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "Present the device's secret: HTTP Basic with the id as user, or Bearer.\n",
)
HEAD_TOO_LARGE: Final = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request exceeds 8 KiB.\n"
)
