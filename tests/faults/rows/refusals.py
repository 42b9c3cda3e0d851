"""Redis is there, and refuses: a right is missing, memory or disk is full, it is a replica."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tests.faults.booth import Booth
from tools.servers.credentials import SERVICES
from tools.servers.redis.embedded import SNAPSHOT, EmbeddedRedis

_SECONDS: Final = 10.0
_PASSWORD: Final = secrets.token_hex(16)


async def _take_right(client: Any, _: Booth) -> None:
    await client.execute_command("ACL", "SETUSER", SERVICES.name, "-evalsha", "-eval")


async def _give_right(client: Any, _: Booth) -> None:
    await client.execute_command("ACL", "SETUSER", SERVICES.name, "+evalsha", "+eval")


async def _take_channels(client: Any, _: Booth) -> None:
    await client.execute_command("ACL", "SETUSER", SERVICES.name, "resetchannels")


async def _give_channels(client: Any, _: Booth) -> None:
    await client.execute_command("ACL", "SETUSER", SERVICES.name, "allchannels")


async def _change_password(client: Any, booth: Booth) -> None:
    await client.execute_command("ACL", "SETUSER", SERVICES.name, "resetpass", f">{_PASSWORD}")
    for cable in booth.cables.values():
        cable.cut()


async def _give_password_back(client: Any, _: Booth) -> None:
    right = f">{SERVICES.password}"
    await client.execute_command("ACL", "SETUSER", SERVICES.name, "resetpass", right)


async def _fill_memory(client: Any, _: Booth) -> None:
    await client.config_set("maxmemory", "1mb")


async def _free_memory(client: Any, _: Booth) -> None:
    await client.config_set("maxmemory", "0")


async def _fill_disk(client: Any, booth: Booth) -> None:
    """Have a snapshot fail, as on a full disk: from then on Redis refuses to write."""
    if not isinstance(booth.redis, EmbeddedRedis):
        await _make_read_only(client, booth)
        return
    (booth.redis.folder / SNAPSHOT).mkdir()
    await client.config_set("save", "3600 1")
    await _take_snapshot(client, "err")


async def _free_disk(client: Any, booth: Booth) -> None:
    if not isinstance(booth.redis, EmbeddedRedis):
        await _make_writable(client, booth)
        return
    (booth.redis.folder / SNAPSHOT).rmdir()
    await _take_snapshot(client, "ok")
    await client.config_set("save", "")
    (booth.redis.folder / SNAPSHOT).unlink()


async def _take_snapshot(client: Any, result: str) -> None:
    await client.bgsave()
    async with asyncio.timeout(30):
        while (await client.info("persistence"))["rdb_last_bgsave_status"] != result:  # noqa: ASYNC110 - asked of another process
            await asyncio.sleep(0.05)


async def _make_read_only(client: Any, _: Booth) -> None:
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")


async def _make_writable(client: Any, _: Booth) -> None:
    await client.execute_command("REPLICAOF", "NO", "ONE")


async def _change_policy(client: Any, _: Booth) -> None:
    await client.config_set("maxmemory-policy", "allkeys-lru")


async def _evict(client: Any, booth: Booth) -> None:
    """Evict keys for real: half of all."""
    await _change_policy(client, booth)
    before = await client.dbsize()
    used = int((await client.info("memory"))["used_memory"])
    while await client.dbsize() > before / 2:
        used -= 20_000
        await client.config_set("maxmemory", used)
        await client.set("chargelight-filler", "x")
    await client.config_set("maxmemory", "0")
    booth.notes.append(f"{before - await client.dbsize()} keys evicted")


async def _restore_policy(client: Any, _: Booth) -> None:
    await client.config_set("maxmemory", "0")
    await client.config_set("maxmemory-policy", "noeviction")
    await client.delete("chargelight-filler")


Do = Callable[[Any, Booth], Awaitable[None]]

_WAYS: Final[dict[str, tuple[Do, Do]]] = {
    "right to run scripts missing": (_take_right, _give_right),
    "memory full": (_fill_memory, _free_memory),
    "disk full": (_fill_disk, _free_disk),
    "read-only": (_make_read_only, _make_writable),
    "keys evicted": (_evict, _restore_policy),
    "another password": (_change_password, _give_password_back),
    "right to channels missing": (_take_channels, _give_channels),
    "policy changed": (_change_policy, _restore_policy),
}
WAYS: Final = len(_WAYS)


async def refuse(booth: Booth) -> None:
    """Have Redis refuse for a while: no process ends, and all is right again after it."""
    harm, mend = _WAYS[booth.draw(list(_WAYS))]
    async with booth.redis_client() as client, booth.fault("Redis refuses"):
        try:
            await harm(client, booth)
            await asyncio.sleep(booth.seconds(_SECONDS))
        finally:
            with contextlib.suppress(ConnectionError):
                await mend(client, booth)
