"""Whether a Redis server is what the settings say, and keeps what it is given."""

import re
from typing import Any, Final

from shared.bus.refusals.refusal import Refusal, RefusedError, classify

_SETTING: Final = "CHARGELIGHT_REDIS_CLUSTER"
_LEAST_VERSION: Final = 7
"""The first one with sharded pub/sub."""


def refuse_wrong_server(info: bytes, *, is_cluster: bool) -> None:
    """Compare a server's reply to ``INFO server`` with the settings.

    Raises:
        RefusedError: It is not of a cluster but should be, or the other way round, or it
            is too old for a cluster's doorbells.
    """
    text = info.decode(errors="replace")
    # Valkey calls it server_mode.
    found = re.search(r"^(?:redis|server)_mode:(\w+)", text, re.MULTILINE)
    mode = found[1] if found else ""
    if is_cluster and mode not in ("cluster", ""):
        raise _wrong(
            f"this Redis is no node of a cluster (its mode is {mode}), but {_SETTING}=true says so",
            f"Remove {_SETTING}, or start Redis with --cluster-enabled yes",
        )
    if not is_cluster and mode == "cluster":
        raise _wrong(
            "this Redis is a node of a cluster",
            f"Set {_SETTING}=true, and in CHARGELIGHT_REDIS_URL some of its nodes, separated by "
            "commas",
        )
    version = re.search(r"^redis_version:(\d+)", text, re.MULTILINE)
    if is_cluster and version and int(version[1]) < _LEAST_VERSION:
        raise _wrong(
            f"this Redis is too old for {_SETTING}=true (version {version[1]})",
            f"A cluster needs {_LEAST_VERSION} or newer, which have sharded pub/sub",
        )


def refuse_eviction(memory: bytes) -> None:
    """Look at a server's reply to ``INFO memory``.

    Raises:
        RefusedError: It may evict keys (``maxmemory-policy`` other than ``noeviction``:
            https://redis.io/docs/latest/develop/reference/eviction/).
    """
    policy = re.search(r"^maxmemory_policy:([\w-]+)", memory.decode(errors="replace"), re.MULTILINE)
    if policy and policy[1] != "noeviction":
        raise RefusedError(
            Refusal(
                "EVICTION",
                f"Redis may evict keys (maxmemory-policy {policy[1]}), and an evicted status is a "
                "wrong light",
                "Set: redis-cli CONFIG SET maxmemory-policy noeviction; where CONFIG is not "
                "allowed (managed Redis), set it in the server's parameter group",
                is_setting=True,
            )
        )


def refuse_replica(role: Any) -> None:
    """Look at a server's reply to ``ROLE``.

    Raises:
        RefusedError: It is a replica.
    """
    if role[0] != b"master":
        refusal = classify("READONLY")
        assert refusal is not None  # noqa: S101 - for the type checker
        raise RefusedError(refusal)


def _wrong(reason: str, remedy: str) -> RefusedError:
    return RefusedError(Refusal("WRONG_SERVER", reason, remedy, is_setting=True))
