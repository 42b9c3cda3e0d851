"""Which handshakes are right: path and origin, without I/O."""

from collections.abc import Collection, Sequence
from http import HTTPStatus

from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request

from services.gateway.connection.refusals import Refusal
from shared.contract.devices import is_device_id


def device_id_of(path: str, prefixes: Sequence[str]) -> str | None:
    """Return the id in a URL path such as ``/chargers/c1234``, or None if there is none.

    Nothing is decoded: an id needs no percent sign, so a path with one is wrong.
    """
    path = path.partition("?")[0]
    for prefix in prefixes:
        if path.startswith(prefix):
            device_id = path[len(prefix) :]
            return device_id if is_device_id(device_id) else None
    return None


def examine(request: Request, prefixes: Sequence[str], origins: Collection[str]) -> str | Refusal:
    """Return the device's id in a handshake request, or why it is refused.

    ``prefixes`` are the paths served on this port, up to the id; ``origins`` are the browser
    origins that are allowed.
    """
    device_id = device_id_of(request.path, prefixes)
    if device_id is None:
        served = " or ".join(f"{prefix}{{id}}" for prefix in prefixes)
        return Refusal(
            HTTPStatus.NOT_FOUND,
            f"This port serves {served}, where an id is 1 to 64 of A-Z a-z 0-9 . _ -\n",
        )
    try:
        origin = request.headers.get("Origin")
    except MultipleValuesError:
        return Refusal(HTTPStatus.BAD_REQUEST, "More than one Origin header.\n")
    if origin is not None and origin not in origins:
        # A web page must not speak for a device with its visitor's network access.
        return Refusal(
            HTTPStatus.FORBIDDEN,
            "Browsers may not connect from this origin (CHARGELIGHT_GATEWAY_ORIGINS).\n",
        )
    return device_id
