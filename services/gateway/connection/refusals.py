"""The HTTP answers that refuse a handshake."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from shared.contract.presence import RefusalReason

_RETRY_AFTER_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer instead of a connection."""

    status: HTTPStatus
    text: str
    retry_after: int | None = None
    """Seconds, for the ``Retry-After`` header (RFC 9110 section 10.2.3)."""
    reason: RefusalReason | None = None
    """What an operator is told; None: the hub is the reason, not the device."""


STOPPING: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, "This gateway is stopping; try again.\n", 1
)
FULL: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "This gateway has all the connections it can hold; try again later.\n",
    _RETRY_AFTER_SECONDS,
)
FULL_ADDRESS: Final = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS,
    "Too many devices are connected from your address; see "
    "CHARGELIGHT_GATEWAY_CONNECTIONS_PER_ADDRESS.\n",
    60,
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
NEW_FILES: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The hub's revocation lists or certificates have just changed; connect again.\n",
    1,
)


def too_often(seconds: int) -> Refusal:
    """Return the answer to a device that connects too often, and must wait so long."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"This device connects too often; try again in {seconds} s.\n",
        seconds,
    )


# The same for an unknown id and for a wrong secret: it does not tell which ids exist.
UNAUTHORIZED: Final = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "Present the device's certificate, or its secret: HTTP Basic with the id as user, or Bearer.\n",
)
HEAD_TOO_LARGE: Final = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The head of the request exceeds 8 KiB, or 128 headers.\n",
    reason=RefusalReason.NOT_WEBSOCKET,
)
TLS: Final = Refusal(
    HTTPStatus.BAD_REQUEST,
    "This port speaks plain ws://, not TLS: connect with ws://, or to a proxy that has TLS.\n",
    reason=RefusalReason.TLS,
)
WEB_PAGE: Final = Refusal(
    HTTPStatus.FORBIDDEN,
    "This Origin is a web page's; firmware sends none, or its hub's own address. A page is let "
    "in by CHARGELIGHT_GATEWAY_ORIGINS, a hub's own name by CHARGELIGHT_ALLOWED_HOSTS.\n",
    reason=RefusalReason.ORIGIN,
)
