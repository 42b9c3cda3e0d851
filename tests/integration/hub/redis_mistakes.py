"""Mistakes of an operator with Redis while a hub runs: how each is made, and undone."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import redis

from services.gateway.redis_check import RIGHTS as GATEWAY
from services.registry.redis_check import RIGHTS as REGISTRY
from services.router.redis_check import RIGHTS as ROUTER
from tools.servers.credentials import SERVICES
from tools.servers.redis.embedded import EmbeddedRedis

RIGHTS: Final = {"gateway": GATEWAY, "router": ROUTER, "registry": REGISTRY}
ALL: Final = ("gateway", "router", "registry")
PASSWORD: Final = SERVICES.password


def rules_of(service: str) -> list[str]:
    """Return what the docs tell an operator to allow a service's user."""
    return ["on", f">{PASSWORD}", *RIGHTS[service].rules()]


class Server:
    """A Redis whose users have exactly the rights that the docs list."""

    def __init__(self, redis_server: EmbeddedRedis) -> None:
        self.redis = redis_server
        # It stays connected: an operator's connection is not cut with those of the services.
        self._client: Any = redis.Redis.from_url(self.redis.admin_url, socket_timeout=10)
        self._repeating: asyncio.Task[None] | None = None
        for service in ALL:
            self.ask("ACL", "SETUSER", service, "reset", *rules_of(service))

    def url_of(self, service: str) -> str:
        return f"redis://{service}:{PASSWORD}@127.0.0.1:{self.redis.port}/0"

    def ask(self, *words: object) -> Any:
        return self._client.execute_command(*words)

    def close(self) -> None:
        self._client.close()

    async def set(self, name: str, value: str) -> None:
        self.ask("CONFIG", "SET", name, value)

    async def set_user(self, service: str, *rules: str) -> None:
        self.ask("ACL", "SETUSER", service, *rules)

    async def cut(self, service: str) -> None:
        """Close the connections of a service: it connects again."""
        self.ask("CLIENT", "KILL", "USER", service)

    async def repeat(self, seconds: float, *words: object) -> None:
        """Send a command again and again until `end_repeating`."""

        async def send() -> None:
            while True:
                with contextlib.suppress(redis.RedisError):
                    await asyncio.to_thread(self.ask, *words)
                await asyncio.sleep(seconds)

        self._repeating = asyncio.create_task(send(), name="repeat")

    async def end_repeating(self) -> None:
        assert self._repeating is not None
        self._repeating.cancel()
        await asyncio.gather(self._repeating, return_exceptions=True)

    async def run_script(self, script: str) -> None:
        """Run a script that does not end."""

        def run() -> None:
            with contextlib.suppress(redis.RedisError):
                self.ask("EVAL", script, 0)

        self._repeating = asyncio.create_task(asyncio.to_thread(run), name="script")
        await asyncio.sleep(0.2)


Doing = Callable[[Server], Awaitable[None]]


@dataclass(frozen=True)
class Mistake:
    """A row of the table in docs/operations.md.

    Attributes:
        title: As in the table.
        reason: What the log line says, a part of it; "" if there is none.
        services: Those that say so.
        ready: What /readyz begins with; by default that Redis needs attention, for this reason.
        is_lit: Whether lights follow meanwhile.
    """

    title: str
    make: Doing = field(repr=False)
    undo: Doing = field(repr=False)
    reason: str
    services: tuple[str, ...] = ALL
    ready: str = ""
    is_lit: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether Redis answers, and refuses."""
        return bool(self.reason)


def config(
    title: str, name: str, wrong: str, right: str, reason: str, *, is_lit: bool = False
) -> Mistake:
    return Mistake(
        title, lambda s: s.set(name, wrong), lambda s: s.set(name, right), reason, is_lit=is_lit
    )


def user(
    title: str, service: str, wrong: str, right: str, reason: str, *, is_lit: bool = False
) -> Mistake:
    return Mistake(
        title,
        lambda s: s.set_user(service, *wrong.split()),
        lambda s: s.set_user(service, *right.split()),
        reason,
        (service,),
        is_lit=is_lit,
    )


async def _make_replica(server: Server) -> None:
    server.ask("REPLICAOF", "127.0.0.1", 1)


async def _make_primary(server: Server) -> None:
    server.ask("REPLICAOF", "NO", "ONE")


async def _fill_disk(server: Server) -> None:
    # A snapshot cannot take a folder's place.
    (server.redis.folder / "dump.rdb" / "full").mkdir(parents=True)
    server.ask("CONFIG", "SET", "save", "3600 1")
    server.ask("BGSAVE")
    while server.ask("INFO", "persistence").get("rdb_last_bgsave_status") == "ok":  # noqa: ASYNC110 - Redis rings no bell for this
        await asyncio.sleep(0.02)


async def _free_disk(server: Server) -> None:
    (server.redis.folder / "dump.rdb" / "full").rmdir()
    (server.redis.folder / "dump.rdb").rmdir()
    server.ask("CONFIG", "SET", "save", "")


async def _change_password(server: Server) -> None:
    await server.set_user("gateway", "resetpass", ">another")
    await server.cut("gateway")


async def _disable_user(server: Server) -> None:
    await server.set_user("router", "off")
    await server.cut("router")


async def _delete_user(server: Server) -> None:
    server.ask("ACL", "DELUSER", "registry")


async def _create_user(server: Server) -> None:
    await server.set_user("registry", "reset", *rules_of("registry"))


async def _limit_clients(server: Server) -> None:
    server.ask("CONFIG", "SET", "maxclients", 1)
    for service in ALL:
        await server.cut(service)


async def _run_script(server: Server) -> None:
    server.ask("CONFIG", "SET", "lua-time-limit", 100)
    await server.run_script("while true do end")


async def _kill_script(server: Server) -> None:
    server.ask("SCRIPT", "KILL")
    await asyncio.gather(server._repeating or asyncio.sleep(0))


async def _pause(server: Server) -> None:
    await server.repeat(0.5, "CLIENT", "PAUSE", 1400, "ALL")


async def _pause_writes(server: Server) -> None:
    await server.repeat(0.5, "CLIENT", "PAUSE", 1400, "WRITE")


async def _end_pause(server: Server) -> None:
    await server.end_repeating()
    await asyncio.to_thread(server.ask, "CLIENT", "UNPAUSE")


async def _flush_scripts(server: Server) -> None:
    await server.repeat(0.02, "SCRIPT", "FLUSH")


async def _freeze(server: Server) -> None:
    server.redis.freeze()


async def _thaw(server: Server) -> None:
    server.redis.thaw()


MISTAKES: Final = (
    config("`CONFIG SET maxmemory 1`", "maxmemory", "1", "0", "Redis is full"),
    config(
        "`CONFIG SET maxmemory-policy allkeys-lru`",
        "maxmemory-policy",
        "allkeys-lru",
        "noeviction",
        "Redis may evict keys (maxmemory-policy allkeys-lru)",
        is_lit=True,
    ),
    config(
        "`CONFIG SET min-replicas-to-write 1`, without replicas",
        "min-replicas-to-write",
        "1",
        "0",
        "Redis has fewer replicas than min-replicas-to-write demands",
    ),
    Mistake(
        "snapshots are on, and the disk is full",
        _fill_disk,
        _free_disk,
        "Redis cannot write to its disk",
    ),
    Mistake("`REPLICAOF` another server", _make_replica, _make_primary, "this Redis is a replica"),
    user(
        "rights are taken away: `clearselectors`",
        "gateway",
        "clearselectors",
        " ".join(rule for rule in RIGHTS["gateway"].rules() if rule.startswith("(")),
        "Redis does not give its user the right (+del +hdel ",
    ),
    user(
        "a right that only scripts use: `-hset`",
        "router",
        "-hset",
        "+hset",
        "Redis does not give its user the right +hset",
    ),
    user(
        "a right of the registry: `-xreadgroup`",
        "registry",
        "-xreadgroup",
        "+xreadgroup",
        "Redis does not give its user the right +xreadgroup",
        is_lit=True,
    ),
    user(
        "the keys are taken away: `resetkeys`",
        "gateway",
        "resetkeys",
        "~chargelight:*",
        "Redis does not give its user the right ~chargelight:check* ",
    ),
    user(
        "the channels are taken away: `resetchannels`",
        "router",
        "resetchannels",
        "&chargelight*",
        "Redis does not give its user the right &chargelight-check* ",
    ),
    Mistake(
        "the password is changed, and connections are cut",
        _change_password,
        lambda s: s.set_user("gateway", "resetpass", f">{PASSWORD}"),
        "Redis does not accept the user or the password in CHARGELIGHT_REDIS_URL",
        ("gateway",),
    ),
    Mistake(
        "the user is disabled (`off`), and connections are cut",
        _disable_user,
        lambda s: s.set_user("router", "on"),
        "Redis does not accept the user or the password in CHARGELIGHT_REDIS_URL",
        ("router",),
    ),
    Mistake(
        "the user is deleted (`ACL DELUSER`)",
        _delete_user,
        _create_user,
        "Redis does not accept the user or the password in CHARGELIGHT_REDIS_URL",
        ("registry",),
        is_lit=True,
    ),
    Mistake(
        "`maxclients` too low, and connections are cut",
        _limit_clients,
        lambda s: s.set("maxclients", "10000"),
        "Redis takes no more connections",
    ),
    Mistake(
        "a script of another program runs for minutes",
        _run_script,
        _kill_script,
        "a script of another program keeps Redis busy",
    ),
    Mistake(
        "`CLIENT PAUSE`, again and again",
        _pause,
        _end_pause,
        "",
        ALL[:2],
        ready="no connection to redis",
    ),
    # It reconnects, for reads are answered; what is published does not come back.
    Mistake("`CLIENT PAUSE … WRITE`, again and again", _pause_writes, _end_pause, "", ALL[:2]),
    Mistake(
        "Redis is suspended (SIGSTOP)",
        _freeze,
        _thaw,
        "",
        ALL[:2],
        ready="no connection to redis",
    ),
    Mistake(
        "`SCRIPT FLUSH`, again and again", _flush_scripts, Server.end_repeating, "", (), is_lit=True
    ),
)
