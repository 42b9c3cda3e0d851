"""Everywhere that a text could have got to: logs, answers, Redis, Postgres, the process list."""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

import psycopg
import redis
import redis.asyncio
from psycopg import sql

from tests.fixtures.processes import LOOK_EVERY_SECONDS

PROCESSES: Final = Path("/proc")
"""Where the command lines of all processes are; elsewhere than on Linux there is none."""

_PIECE: Final = 16
"""So many characters of a long secret are worth something to a thief."""


def forms_of(text: str) -> dict[str, bytes]:
    """In which forms a text may be written down so that whoever reads it has it."""
    raw = text.encode()
    digest = hashlib.sha256(raw)
    forms = {
        "as it is": raw,
        "in JSON": json.dumps(text)[1:-1].encode(),
        "in a URL": quote(text, safe="").encode(),
        "in a form": quote_plus(text).encode(),
        "in hex": raw.hex().encode(),
        "as SHA-256 in hex": digest.hexdigest().encode(),
        "as SHA-256": digest.digest(),
        "as SHA-256 in base64": base64.b64encode(digest.digest()).rstrip(b"="),
        "as SHA-256 in URL-safe base64": base64.urlsafe_b64encode(digest.digest()).rstrip(b"="),
    }
    for before in range(3):
        forms[f"in base64 after {before} bytes"] = _base64_inside(raw, before)
        urlsafe = _base64_inside(raw, before).translate(bytes.maketrans(b"+/", b"-_"))
        forms[f"in URL-safe base64 after {before} bytes"] = urlsafe
    if len(text) > 2 * _PIECE:
        # A text that is cut is still most of it.
        forms["its beginning"] = raw[:_PIECE]
        forms["its end"] = raw[-_PIECE:]
    return forms


def _base64_inside(raw: bytes, before: int) -> bytes:
    """What base64 makes of something, wherever it stands: `user:secret` in a Basic header."""
    encoded = base64.b64encode(bytes(before) + raw)
    return encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


class Places:
    """What was found where. Everything is kept until the end, and searched then."""

    def __init__(self) -> None:
        self.told: dict[str, bytearray] = {}
        self._command_lines: set[bytes] = set()

    def add(self, place: str, content: bytes | str) -> None:
        raw = content.encode() if isinstance(content, str) else content
        self.told.setdefault(place, bytearray()).extend(raw + b"\n")

    def where(self, form: bytes) -> set[str]:
        return {place for place, content in self.told.items() if form in content}

    def traces(self, texts: Mapping[str, str]) -> list[str]:
        """Say where which of the texts is, in any form, for people."""
        return [
            f"{what} {form} in {place}"
            for what, text in texts.items()
            for form, needle in forms_of(text).items()
            for place in self.where(needle)
        ]

    def add_redis(self, url: str) -> None:
        """Note every key and every value, and what Redis says of its clients."""
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(count=1000):
                self.add("redis", key)
                for piece in _value(client, key):
                    self.add("redis", piece)
            for client_ in client.client_list():
                self.add("redis clients", str(client_))

    def add_postgres(self, dsn: str) -> None:
        """Note every row of every table, as text, and the statements that connections ran last."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            tables = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            assert tables
            for schema, table in tables:
                query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table))
                for (row,) in connection.execute(query):
                    self.add(f"postgres {table}", row)
            for row in connection.execute("SELECT a::text FROM pg_stat_activity a"):
                self.add("postgres connections", row[0])

    def add_command_lines(self) -> None:
        """Note the command lines of all processes there are, each once.

        They are looked at a hundred times a second: what has been noted is not to be searched again
        and again.
        """
        for path in PROCESSES.glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                line = path.read_bytes()
                if line not in self._command_lines:
                    self._command_lines.add(line)
                    self.add("process list", line.replace(b"\0", b" "))

    @contextlib.asynccontextmanager
    async def watching_command_lines(self) -> AsyncIterator[None]:
        """Note them again and again meanwhile."""

        async def watch() -> None:
            while True:
                self.add_command_lines()
                await asyncio.sleep(LOOK_EVERY_SECONDS)

        with _running(watch()):
            yield
            self.add_command_lines()

    @contextlib.asynccontextmanager
    async def hearing_doorbells(self, url: str) -> AsyncIterator[None]:
        """Note what is published in Redis meanwhile, except while Redis is away."""
        heard = asyncio.Event()

        async def hear() -> None:
            while True:
                with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
                    async with redis.asyncio.from_url(url) as client, client.pubsub() as pubsub:
                        await pubsub.psubscribe("*")
                        async for message in pubsub.listen():
                            heard.set()
                            self.add("doorbells", repr(message))
                await asyncio.sleep(LOOK_EVERY_SECONDS)

        with _running(hear()):
            await heard.wait()
            yield


@contextlib.contextmanager
def _running(doing: Any) -> Iterator[None]:
    task = asyncio.ensure_future(doing)
    try:
        yield
        # Had it ended, nothing would have been noted since.
        assert not task.done(), task
    finally:
        task.cancel()


def _value(client: Any, key: bytes) -> list[bytes]:
    found: list[Any]
    match client.type(key):
        case b"string":
            found = [client.get(key) or b""]
        case b"hash":
            found = [piece for pair in client.hgetall(key).items() for piece in pair]
        case b"list":
            found = client.lrange(key, 0, -1)
        case b"set":
            found = list(client.smembers(key))
        case b"zset":
            found = client.zrange(key, 0, -1)
        case b"stream":
            entries = [entry for _, cells in client.xrange(key) for entry in cells.items()]
            groups = [str(group).encode() for group in client.xinfo_groups(key)]
            found = [*groups, *(piece for entry in entries for piece in entry)]
        case b"none":
            found = []  # it expired meanwhile
        case kind:
            raise AssertionError(f"{key!r} is a {kind!r}, and this search does not look into those")
    return found
