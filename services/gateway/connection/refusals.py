"""What a handshake hears that is right as such, but gets no connection."""

from http import HTTPStatus
from typing import Final

from services.gateway.connection.handshake_rules import Refusal

_RETRY_AFTER_SECONDS: Final = 5

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
# The same for an unknown id and for a wrong secret: nobody learns here which ids exist.
UNAUTHORIZED: Final = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "Present the device's secret: HTTP Basic with the id as user, or Bearer.\n",
)
HEAD_TOO_LARGE: Final = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request exceeds 8 KiB.\n"
)
