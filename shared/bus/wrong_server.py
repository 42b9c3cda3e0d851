"""Whether a Redis server is what the settings say: one server, or a node of a cluster."""

import re
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError

_SETTING: Final = "CHARGELIGHT_REDIS_CLUSTER"
_LEAST_VERSION: Final = 7
"""The first one with sharded pub/sub."""


class WrongServerError(BusUnavailableError):
    """It is another kind of Redis than the settings say; the text says what to change."""


def refuse_wrong_server(info: Any, *, is_cluster: bool) -> None:
    """Compare a server's reply to INFO with the settings.

    Raises:
        WrongServerError: It is not of a cluster but should be, or the other way round, or it
            is too old for a cluster's doorbells.
    """
    if isinstance(info, ResponseError):
        return  # not allowed to ask; a wrong server will fail later
    text = info.decode(errors="replace")
    # Valkey calls it server_mode.
    found = re.search(r"^(?:redis|server)_mode:(\w+)", text, re.MULTILINE)
    mode = found[1] if found else ""
    if is_cluster and mode not in ("cluster", ""):
        raise WrongServerError(
            f"this Redis is no node of a cluster (its mode is {mode}), but {_SETTING}=true says "
            f"so. Remove {_SETTING}, or start Redis with --cluster-enabled yes"
        )
    if not is_cluster and mode == "cluster":
        raise WrongServerError(
            f"this Redis is a node of a cluster: set {_SETTING}=true, and in CHARGELIGHT_REDIS_URL "
            "some of its nodes, separated by commas"
        )
    version = re.search(r"^redis_version:(\d+)", text, re.MULTILINE)
    if is_cluster and version and int(version[1]) < _LEAST_VERSION:
        raise WrongServerError(
            f"this Redis is too old for {_SETTING}=true (version {version[1]}): a cluster needs "
            f"{_LEAST_VERSION} or newer, which have sharded pub/sub"
        )
