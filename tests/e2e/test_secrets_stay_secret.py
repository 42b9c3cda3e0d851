"""Every secret there is, used in every way and misused in many, is then nowhere to be read.

`Desk`, `Door` and `Terminal` are what an operator, a device and a command line see. All that they
are answered is noted, like all that is logged, stored, published and started.
"""

import asyncio
import base64
import contextlib
import json
import secrets
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import psycopg
import pytest
import redis
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from shared.contract.credentials import digest_of
from tests.e2e.places import PROCESSES, Places, forms_of
from tests.fixtures.feed import hearing
from tests.fixtures.hub import HOST, Gateway, Hub, Settings, StartHub
from tests.fixtures.redis_at import is_cluster_wanted
from tests.integration.cli.conftest import ended, start
from tests.integration.hub.booth import SOON
from tools.servers.postgres.databases import dsn_of
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.server import RedisServer

CLI_KEY: Final = "CHARGELIGHT_CLI_KEY"

DEVICES: Final = {"chargers": "c1", "widgets": "w1"}


def _made(characters: str = "") -> str:
    """Make a secret like no other one, be it cut: at least 32 characters."""
    return f"{secrets.token_hex(8)}{characters}{secrets.token_hex(8)}"


@dataclass
class Known:
    """All secrets of this test."""

    bootstrap_key: str = field(default_factory=_made)
    admin_key: str = ""
    """Made with the bootstrap key."""
    digest_key: str = field(default_factory=lambda: _made(" a key of digests "))
    postgres_password: str = field(default_factory=_made)
    redis_password: str = field(default_factory=_made)
    more: dict[str, str] = field(default_factory=dict)
    api_keys: dict[str, str] = field(default_factory=dict)

    def new(self, what: str, characters: str = "") -> str:
        self.more[what] = _made(characters)
        return self.more[what]

    def note(self, what: str, text: str) -> str:
        self.more[what] = text
        return text

    def note_key(self, what: str, text: str) -> None:
        """Remember an API key, whose beginning is no secret."""
        self.api_keys[what] = text
        self.more[what] = text.split("_", 2)[2]

    def all(self) -> dict[str, str]:
        return {
            "the bootstrap key": self.bootstrap_key,
            "the key of the digests": self.digest_key,
            "the password of Postgres": self.postgres_password,
            "the password of Redis": self.redis_password,
            **self.more,
        }


class Desk:
    """An operator, whose answers are noted."""

    def __init__(self, url: str, places: Places) -> None:
        self._places = places
        self._client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=90.0)
        self.statuses: set[int] = set()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        key: str | None,
        shows: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Ask for something; the member that ``shows`` names may show a secret, once."""
        presented = {} if key is None else {"Authorization": f"Bearer {key}"}
        answer = await self._client.request(
            method, path, headers={**presented, **(headers or {})}, **more
        )
        self.statuses.add(answer.status_code)
        body = answer.content
        if shows is not None:
            assert answer.is_success, answer.text
            assert answer.headers["Cache-Control"] == "no-store"
            body = body.replace(answer.json()[shows].encode(), b"(shown)", 1)
        self._places.add("answers of the registry", repr(answer.headers.raw))
        self._places.add("answers of the registry", body)
        return answer

    async def watch(self, *, key: str) -> None:
        """Hear the beginning of the feed, with all tiles."""
        async with hearing(self._client, "/live", {"Authorization": f"Bearer {key}"}) as events:
            tiles = await events.until("tiles")
        self._places.add("answers of the registry", repr(events.answer.headers.raw))
        self._places.add("answers of the registry", json.dumps(tiles.data).encode())

    async def close(self) -> None:
        await self._client.aclose()


class Door:
    """A gateway as devices see it, who note what it says."""

    def __init__(self, gateway: Gateway, places: Places) -> None:
        self._gateway = gateway
        self._places = places

    async def knock(self, kind: str, authorization: str | None, *, query: str = "") -> int:
        """Connect a device, and return the status of the handshake."""
        headers = {} if authorization is None else {"Authorization": authorization}
        url = (
            self._gateway.charger_url(DEVICES[kind])
            if kind == "chargers"
            else self._gateway.widget_url(DEVICES[kind])
        )
        try:
            async with connect(url + query, additional_headers=headers, close_timeout=1) as device:
                assert device.response is not None
                self._note(repr(device.response))
                return 101
        except InvalidStatus as refused:
            response = refused.response
            self._note(repr(response))
            self._note(bytes(response.body or b""))
            return response.status_code

    async def say(self, authorization: str, *frames: str) -> int | None:
        """Send a charger's frames; return with which code the hub ended the connection."""
        url = self._gateway.charger_url(DEVICES["chargers"])
        headers = {"Authorization": authorization}
        async with connect(url, additional_headers=headers, close_timeout=1) as device:
            with contextlib.suppress(ConnectionClosed):
                async with asyncio.timeout(SOON):
                    for frame in frames:
                        await device.send(frame)
                        self._note(await device.recv())
            self._note(repr(device.close_reason))
            return device.close_code

    async def push(self, request: str) -> None:
        """Send bytes that need not be HTTP, and note the answer."""
        reader, writer = await asyncio.open_connection(HOST, self._gateway.charger_port)
        writer.write(request.encode())
        with contextlib.suppress(TimeoutError, ConnectionError):
            # The hub ends it, or has said all that it will.
            async with asyncio.timeout(3):
                self._note(await reader.read())
        writer.close()

    def _note(self, text: bytes | str) -> None:
        self._places.add("answers of gateways", text)


class Terminal:
    """The command line, whose output is noted."""

    def __init__(self, url: str, places: Places) -> None:
        self._url = url
        self._places = places

    async def run(
        self, arguments: str, settings: Settings, *, typed: str = "", shows: bool = False
    ) -> str:
        """Run it, and return what it printed, which may show a secret only if it ``shows`` one."""
        words = arguments.split()
        process = await start(*words, url=self._url, settings=settings, stdin=PIPE)
        ran = await ended(process, typed.encode())
        if not shows:
            self._places.add("output of the command line", ran.output)
        self._places.add("output of the command line", ran.errors)
        return ran.output.strip()


@dataclass
class Scene:
    """A hub with everything that asks for secrets, and who uses it."""

    hub: Hub
    known: Known
    places: Places
    desk: Desk
    doors: dict[str, Door]
    terminal: Terminal
    redis_url: str
    postgres_dsn: str

    def collect(self) -> None:
        for process in self.hub.processes:
            self.places.add(f"log of {process.name}", process.log_text())
        self.places.add_redis(self.redis_url)
        self.places.add_postgres(self.postgres_dsn)
        self.places.add_command_lines()


def _let_in(server: RedisServer, password: str) -> None:
    """Make the user that the services are, who is gone whenever this Redis was stopped."""
    with redis.Redis.from_url(server.admin_url) as client:
        client.acl_setuser(
            "keeper",
            enabled=True,
            passwords=[f"+{password}"],
            keys=["*"],
            channels=["*"],
            categories=["+@all"],
        )


def _with_user(url: str, password: str, path: str | None = None) -> str:
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    changed = parts._replace(netloc=f"keeper:{quote(password, safe='')}@{address}")
    return urlunsplit(changed if path is None else changed._replace(path=path))


def _own_database(server: PostgresServer, password: str) -> str:
    """Make a user with this password, and a database for it."""
    with psycopg.connect(server.admin_dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE keeper LOGIN PASSWORD {}").format(sql.Literal(password))
        )
        connection.execute("CREATE DATABASE kept OWNER keeper TEMPLATE template0")
    return _with_user(server.dsn, password, "/kept")


@pytest.fixture
async def scene(
    hub: StartHub, private_redis: RedisServer, private_postgres: PostgresServer
) -> AsyncIterator[Scene]:
    known, places = Known(), Places()
    _let_in(private_redis, known.redis_password)
    dsn = _own_database(private_postgres, known.postgres_password)
    assert conninfo_to_dict(dsn)["password"] == known.postgres_password
    async with places.hearing_doorbells(private_redis.url):
        running = await hub(
            gateways=0,
            redis_url=_with_user(private_redis.url, known.redis_password),
            postgres_dsn=dsn,
            settings={
                "CHARGELIGHT_LOG_LEVEL": "debug",
                "CHARGELIGHT_PARTITIONS": "4",
                "CHARGELIGHT_CREDENTIAL_KEY": known.digest_key,
                "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
                "CHARGELIGHT_REGISTRY_ADMIN_KEY": known.bootstrap_key,
                "CHARGELIGHT_GATEWAY_HANDSHAKE_SECONDS": "2",
            },
        )
        gateways = {
            mode: running.start_gateway({"CHARGELIGHT_DEVICE_AUTH": mode})
            for mode in ("optional", "required")
        }
        await running.ready()
        desk = Desk(running.registry_url, places)
        chief = {"name": "chief", "role": "admin"}
        made = await desk.ask("POST", "/keys", key=known.bootstrap_key, json=chief, shows="key")
        known.admin_key = made.json()["key"]
        known.note_key("the admin key", known.admin_key)
        yield Scene(
            running,
            known,
            places,
            desk,
            {mode: Door(gateway, places) for mode, gateway in gateways.items()},
            Terminal(running.registry_url, places),
            private_redis.url,
            dsn_of(private_postgres.admin_dsn, "kept"),
        )
        await desk.close()


@pytest.mark.timeout(900)  # it does all that can be done, and takes minutes on a busy machine
async def test_a_secret_that_was_used_or_refused_is_nowhere_to_be_read(
    scene: Scene, tmp_path: Path, private_redis: RedisServer, private_postgres: PostgresServer
) -> None:
    operators_key = await _use_keys(scene)
    await _set_secrets(scene, operators_key)
    await _be_refused(scene, operators_key)
    await _import(scene, operators_key)
    await _knock(scene)
    await _use_command_line(scene, operators_key, tmp_path)
    await _start_without_a_key(scene)
    await _look_at_everything(scene)
    await _lose_servers(scene, private_redis, private_postgres)
    assert scene.desk.statuses >= {200, 201, 204, 401, 403, 404, 405, 409, 413, 415, 422}
    scene.collect()
    traces = [*scene.places.traces(scene.known.all()), *_traces_of_what_is_stored(scene)]
    assert not traces, "\n".join(traces)


async def test_this_search_finds_what_lies_open(scene: Scene) -> None:
    open_ = f"open-{secrets.token_hex(12)}"
    await scene.desk.ask("PUT", f"/chargers/{open_}", key=scene.known.admin_key, json={})
    async with scene.places.watching_command_lines():
        await scene.terminal.run(f"chargers show {open_}", {CLI_KEY: scene.known.admin_key})
    # A gateway repeats nothing that it is told.
    scene.places.add("answers of gateways", open_)
    with redis.Redis.from_url(scene.redis_url) as client:
        client.publish("somewhere", open_)
    scene.collect()
    places = {
        "answers of the registry",
        "answers of gateways",
        "doorbells",
        "log of registry-1",
        "output of the command line",
        "postgres audit_log",
        "postgres chargers",
        "redis",
    }
    if PROCESSES.exists():
        places.add("process list")
    traces = scene.places.traces({"it": open_})
    assert [place for place in places if f"it as it is in {place}" not in traces] == []


@pytest.mark.parametrize("text", ["short", "with spaces", 'a"quote', "x:y/z+w=%&?" * 3])
def test_it_is_found_in_whatever_form_it_was_written_down(text: str, redis_url: str) -> None:
    if is_cluster_wanted():
        pytest.skip("what looks for secrets looks at one server")
    with redis.Redis.from_url(redis_url) as client:
        ways: list[Callable[[bytes], Any]] = [
            lambda needle: client.set("string", needle),
            lambda needle: client.set(b"key " + needle, "value"),
            lambda needle: client.hset("hash", mapping={needle: "value"}),
            lambda needle: client.hset("hash", mapping={"field": needle}),
            lambda needle: client.rpush("list", "first", needle),
            lambda needle: client.sadd("set", needle),
            lambda needle: client.zadd("zset", {needle: 1}),
            lambda needle: client.xadd("stream", {"field": needle}),
            lambda needle: client.xadd("stream", {needle: "value"}),
        ]
        for form, needle in forms_of(text).items():
            for number, write in enumerate(ways):
                client.flushall()
                write(needle)
                places = Places()
                places.add_redis(redis_url)
                assert f"it {form} in redis" in places.traces({"it": text}), number
    for user in ("", "c1", "c12", "c123"):
        places = Places()
        places.add("a header", base64.b64encode(f"{user}:{text}".encode()))
        assert places.traces({"it": text}), user


# --- what is done with secrets


async def _use_keys(scene: Scene) -> str:
    desk, known = scene.desk, scene.known
    keys: dict[str, dict[str, Any]] = {}
    for role in ("viewer", "operator", "admin"):
        wish = {"name": f"the-{role}", "role": role}
        made = await desk.ask("POST", "/keys", key=known.admin_key, json=wish, shows="key")
        keys[role] = made.json()
        known.note_key(f"the key of the {role}", keys[role]["key"])
    texts = {role: key["key"] for role, key in keys.items()}
    for text in texts.values():
        assert (await desk.ask("GET", "/whoami", key=text)).status_code == 200
    taken = {"name": "the-viewer", "role": "viewer"}
    assert (await desk.ask("POST", "/keys", key=known.admin_key, json=taken)).status_code == 409
    assert (await desk.ask("PUT", "/chargers/c1", key=texts["viewer"], json={})).status_code == 403
    assert (await desk.ask("GET", "/keys", key=texts["operator"])).status_code == 403
    revoked = await desk.ask("DELETE", f"/keys/{keys['admin']['id']}", key=known.admin_key)
    assert revoked.status_code == 200
    wrong = [
        texts["admin"],
        known.new("a wrong admin key"),
        f"clk_{keys['operator']['id']}_{known.new('a wrong key of the operator', 'x' * 11)}",
        known.admin_key[:-1],
        # A person's slip: the whole header twice.
        f"Bearer {texts['operator']}",
    ]
    for text in wrong:
        assert (await desk.ask("GET", "/whoami", key=text)).status_code == 401
    basic = base64.b64encode(f"operator:{texts['operator']}".encode()).decode()
    for scheme in (f"Basic {basic}", f"Digest {texts['operator']}", texts["operator"]):
        refused = await desk.ask("GET", "/keys", key=None, headers={"Authorization": scheme})
        assert refused.status_code == 401
    refused = await desk.ask("POST", "/keys", key=known.bootstrap_key, json=taken)
    assert refused.status_code == 403
    for text in (known.admin_key, known.bootstrap_key, texts["operator"]):
        await desk.ask("GET", f"/whoami?key={text}", key=None)
        await desk.ask("GET", f"/audit?limit={text}", key=known.admin_key)
        # Where the id belongs.
        for method in ("GET", "DELETE"):
            mistaken = await desk.ask(method, f"/keys/{text}", key=known.admin_key)
            assert mistaken.status_code == 404
        await desk.ask("POST", "/keys", key=known.admin_key, json={"name": text, "role": text})
        await desk.ask("POST", "/keys", key=known.admin_key, json={"name": [text], "role": 1})
        await desk.ask("PUT", "/whoami", key=text, json={})
    operators_key: str = texts["operator"]
    return operators_key


async def _set_secrets(scene: Scene, key: str) -> None:
    desk, known = scene.desk, scene.known
    for path, device in DEVICES.items():
        where = f"/{path}/{device}/secret"
        secret = known.new(f"a first secret in {path}", 'a"b\\c:d/e+f?%')
        assert (await desk.ask("PUT", where, key=key, json={"secret": secret})).status_code == 404
        assert (await desk.ask("PUT", f"/{path}/{device}", key=key, json={})).status_code == 201
        for again in ({}, {"overlap_seconds": 3600}, {"overlap_seconds": 0}):
            wish = {"secret": secret, **again}
            assert (await desk.ask("PUT", where, key=key, json=wish)).status_code == 200
        made = await desk.ask("POST", where, key=key, shows="secret")
        known.note(f"a generated secret in {path}", made.json()["secret"])
        made = await desk.ask("POST", where, key=key, json={"overlap_seconds": 60}, shows="secret")
        known.note(f"a second generated secret in {path}", made.json()["secret"])
        secret = known.new(f"the secret in {path}")
        assert (await desk.ask("PUT", where, key=key, json={"secret": secret})).status_code == 200
    await desk.ask("PUT", "/pairings/c1", key=key, json={"widget": "w1"})
    await desk.ask("PUT", "/chargers/c9", key=key, json={})
    secret = known.new("the secret of a charger that went")
    await desk.ask("PUT", "/chargers/c9/secret", key=key, json={"secret": secret})
    assert (await desk.ask("DELETE", "/chargers/c9/secret", key=key)).status_code == 204
    await desk.ask("PUT", "/chargers/c9/secret", key=key, json={"secret": secret})
    assert (await desk.ask("DELETE", "/chargers/c9", key=key)).status_code == 204


async def _be_refused(scene: Scene, key: str) -> None:
    """Set secrets that cannot be, in requests that cannot be."""
    desk, known = scene.desk, scene.known
    where = "/chargers/c1/secret"
    short = known.note("one that is too short", secrets.token_hex(7))
    spaces = known.new("one with spaces", "in three words ")
    long = known.new("one that is too long", "x" * 230)
    umlaut = known.new("one with an umlaut", "schlüssel")
    good = known.new("one in a bad request")
    bodies: list[Any] = [
        *({"secret": bad} for bad in (short, spaces, long, umlaut, f"{good}\n")),
        {"secret": [good]},
        {"secret": {"text": good}},
        {"secrett": good},
        {"secret": good, "overlap_seconds": good},
        {"secret": good, "overlap_seconds": -1},
        {"secret": good, "more": good},
        [good],
        good,
    ]
    for body in bodies:
        assert (await desk.ask("PUT", where, key=key, json=body)).status_code == 422
    as_json = {"Content-Type": "application/json"}
    contents = [
        f'{{"secret": "{good}"',
        f'{{"secret": "{good}}}',
        f'{{"secret": {good}}}',
        f"{{secret: '{good}'}}",
        f'{{"secret": "{good}\\x"}}',
        f'"{good}',
        f"secret={good}",
    ]
    for content in contents:
        for media_type in (as_json, {"Content-Type": "text/plain"}, {}):
            refused = await desk.ask("PUT", where, key=key, content=content, headers=media_type)
            assert refused.status_code in {415, 422}
    not_utf8 = b'{"secret": "\xff' + good.encode() + b'"}'
    refused = await desk.ask("PUT", where, key=key, content=not_utf8, headers=as_json)
    assert refused.status_code in {400, 422}
    huge = json.dumps({"secret": good, "more": "x" * 100_000})
    refused = await desk.ask("PUT", where, key=key, content=huge, headers=as_json)
    assert refused.status_code == 413
    wish = {"secret": good}
    assert (await desk.ask("PATCH", where, key=key, json=wish)).status_code == 405
    assert (await desk.ask("PUT", where, key=None, json=wish)).status_code == 401
    assert (await desk.ask("PUT", f"{where}/x", key=key, json=wish)).status_code == 404
    assert (await desk.ask("PUT", f"{where}?secret={good}", key=key)).status_code == 422
    await desk.ask("POST", where, key=key, json=wish)
    await desk.ask("PUT", "/chargers/no id/secret", key=key, json=wish)
    await desk.ask("PUT", "/pairings/c1", key=key, json={"widget": "w1", "secret": good})
    await desk.ask("PUT", "/chargers/c1", key=key, json={"label": "x", "secret": good})


async def _import(scene: Scene, key: str) -> None:
    desk, known = scene.desk, scene.known

    async def send(content: str, media_type: str, status: int) -> None:
        headers = {"Content-Type": media_type}
        answer = await desk.ask("POST", "/import", key=key, content=content, headers=headers)
        assert answer.status_code == status, answer.text

    def rows(*secrets_: str) -> str:
        lines = [f"charger,i{n},{secret}" for n, secret in enumerate(secrets_)]
        return "\n".join(["kind,id,secret", *lines, ""])

    one, other = known.new("one that is imported"), known.new("another one that is imported")
    await send(rows(one, other), "text/csv", 200)
    await send(rows(other, one), "text/csv", 200)
    third = known.new("one in JSON lines", "with:colons/")
    row = {"kind": "widget", "id": "i1", "secret": third}
    await send(json.dumps(row), "application/jsonl", 200)
    short = known.note("one that is too short to be imported", secrets.token_hex(7))
    spaces = known.new("one with spaces in a file", "two words")
    good = known.new("a good one in a bad file")
    for bad in (short, spaces, "ö" + good):
        await send(rows(good, bad), "text/csv", 422)
        await send(json.dumps({**row, "secret": bad}), "application/jsonl", 422)
    await send(rows(good), "text/plain", 415)
    await send(rows(good), "application/json", 415)
    await send(rows(good), "text/csv; charset=utf-7", 415)
    await send(f"kind,id,secret\ncharger,i0,{good},more\n", "text/csv", 422)
    await send(f'kind,id,secret\ncharger,i0,"{good}\n', "text/csv", 422)
    await send(f"kind,id,secret\nlamp,i0,{good}\n", "text/csv", 422)
    await send(f"kind,id,secret\ncharger,no id,{good}\n", "text/csv", 422)
    await send(f"kind,id,widget,secret\ncharger,i0,nobody,{good}\n", "text/csv", 422)
    await send(f"kind,id,password\ncharger,i0,{good}\n", "text/csv", 422)
    await send(json.dumps(row).replace(third, good)[:-2], "application/jsonl", 422)
    await send(f'{{"kind":"charger","id":"i0","secret":{good}}}', "application/jsonl", 422)
    await send(json.dumps({**row, "secret": [good]}), "application/jsonl", 422)
    await send(json.dumps({**row, "password": good}), "application/jsonl", 422)
    await send(json.dumps([good]), "application/jsonl", 422)
    await send(json.dumps(good), "application/jsonl", 422)
    many = [f"{good}{n}" for n in range(1001)]
    await send(rows(*many), "text/csv", 422)


async def _knock(scene: Scene) -> None:
    """Have devices present right and wrong secrets, in right and wrong ways."""
    known = scene.known
    for path, device in DEVICES.items():
        right = known.more[f"the secret in {path}"]
        wrong = known.new(f"a wrong secret in {path}")
        right_basic, wrong_basic, of_another = (
            base64.b64encode(f"{user}:{secret}".encode()).decode()
            for user, secret in ((device, right), (device, wrong), ("c2", right))
        )
        for door in scene.doors.values():
            answers = {
                f"Bearer {right}": 101,
                f"Basic {right_basic}": 101,
                f"Bearer {wrong}": 401,
                f"Basic {wrong_basic}": 401,
                f"Basic {of_another}": 401,
                f"Basic {right}": 401,
                f"Digest {right}": 401,
                right: 401,
            }
            for authorization, status in answers.items():
                assert await door.knock(path, authorization) == status
            assert await door.knock(path, None, query=f"?secret={right}") == 401
            assert await door.knock(path, f"Bearer {right}", query=f"?secret={wrong}") == 101
    right = known.more["the secret in chargers"]
    for door in scene.doors.values():
        frames = [right, f'{{"event":"{right}"}}', f'{{"event":"StateOfCharge","data":"{right}"}}']
        await door.say(f"Bearer {right}", *frames)
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        nonce = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        origin = f"Origin: https://{right}\r\n"
        secret = f"Authorization: Bearer {right}\r\n"
        for request in (
            f"GET /chargers/{right} HTTP/1.1\r\nHost: x\r\n{secret}\r\n",
            f"GET /chargers/c1 HTTP/1.1\r\nHost: x\r\n{secret}\r\n",
            f"GET /{right}/c1 HTTP/1.1\r\nHost: x\r\n{upgrade}{nonce}{secret}\r\n",
            f"GET /widgets/w1 HTTP/1.1\r\nHost: x\r\n{upgrade}{nonce}{secret}\r\n",
            f"GET /chargers/c1 HTTP/1.1\r\nHost: x\r\n{upgrade}{nonce}{secret}{secret}\r\n",
            f"GET /chargers/c1 HTTP/1.1\r\nHost: x\r\n{upgrade}{nonce}{origin}{secret}\r\n",
            f"GET /chargers/c1 HTTP/1.1\r\nHost: x\r\n{right}\r\n\r\n",
            f"GET /chargers/c1 HTTP/1.1\r\nHost: x\r\n{secret}X: {'x' * 20_000}\r\n\r\n",
            f"POST /chargers/c1 HTTP/1.1\r\nHost: x\r\n{secret}\r\n",
            f"{right}\r\n\r\n",
        ):
            await door.push(request)


async def _use_command_line(scene: Scene, key: str, folder: Path) -> None:
    """Do the same at a terminal, with the key from the environment and from a file."""
    known, run = scene.known, scene.terminal.run
    key_file = folder / "key"
    key_file.write_text(f"{key}\n")
    by_file, by_text = {"CHARGELIGHT_CLI_KEY_FILE": str(key_file)}, {CLI_KEY: key}
    as_admin = {CLI_KEY: known.admin_key}
    wrong = f"clk_0123456789ab_{known.new('a wrong key at a terminal', 'x' * 11)}"
    secret = known.new("a secret that is typed")
    bad = known.new("a bad secret that is typed", " with spaces ")
    good_file, bad_file = folder / "devices.csv", folder / "mistaken.csv"
    good_file.write_text(f"kind,id,secret\ncharger,t1,{known.new('a secret in a file')}\n")
    bad_file.write_text(f"kind,id,secret\ncharger,t1,{known.new('a bad one in a file', ' ')}\n")
    async with scene.places.watching_command_lines():
        assert "the-operator" in await run("whoami", by_text)
        assert "the-operator" in await run(f"--key-file {key_file} whoami", {})
        await run("whoami", by_file)
        await run("whoami", {CLI_KEY: wrong})
        await run("whoami", {**by_text, "CHARGELIGHT_CLI_URL": f"http://{HOST}:1"})
        await run("chargers secret set c1", by_text, typed=f"{secret}\n")
        await run("--json widgets secret set w1", by_file, typed=f"{secret}\n")
        await run("chargers secret set c1", by_text, typed=f"{bad}\n")
        await run("chargers secret show c1", by_file)
        await run(f"import {good_file}", by_file)
        await run(f"import {bad_file}", by_text)
        shown = await run("chargers secret generate c1", by_text, shows=True)
        known.note("a secret generated at a terminal", shown)
        shown = await run("keys create terry viewer", as_admin, shows=True)
        known.note_key("a key created at a terminal", shown)
        await run("keys list", as_admin)
        await run("audit", as_admin)
        await run("export", by_text)
    # Something was done, or the rest proves nothing.
    assert "t1" in await run("chargers show t1", by_text)
    assert len(shown) > 50


async def _start_without_a_key(scene: Scene) -> None:
    """Have a registry without a key of digests refuse, and others refuse to start."""
    known = scene.known
    keyless = scene.hub.start_registry({"CHARGELIGHT_CREDENTIAL_KEY": ""})
    await keyless.process.ready()
    desk = Desk(keyless.url, scene.places)
    wish = {"secret": known.new("one for a registry without a key")}
    refused = await desk.ask("PUT", "/chargers/c1/secret", key=known.admin_key, json=wish)
    assert refused.status_code == 409
    await desk.close()
    other_key = known.new("another key of the digests", " another key ")
    wrong = [
        {"CHARGELIGHT_CREDENTIAL_KEY": other_key},
        {"CHARGELIGHT_CREDENTIAL_KEY": known.new("a bad key of the digests", "schlüssel")},
        {"CHARGELIGHT_REGISTRY_ADMIN_KEY": known.new("a bad admin key", "schlüssel")},
        {"CHARGELIGHT_POSTGRES_DSN": f"postgresql://me:{known.new('a lost password')}@[/x"},
        {"CHARGELIGHT_REDIS_URL": f"redos://me:{known.new('another lost password')}@{HOST}"},
    ]
    for settings in wrong:
        process = scene.hub.start_registry(settings).process
        assert await process.wait() == 2
        process.kill()  # it was meant to end


async def _look_at_everything(scene: Scene) -> None:
    key = scene.known.admin_key
    await scene.desk.ask("GET", "/openapi.json", key=None)
    document = await scene.desk.ask("GET", "/openapi.json", key=key)
    await scene.desk.ask("GET", "/docs", key=key)
    for path, methods in document.json()["paths"].items():
        if path == "/live":
            await scene.desk.watch(key=key)
        elif "get" in methods:
            for device in ("c1", "w1"):
                filled = path
                for name in ("device_id", "charger_id", "widget_id", "key_id", "rental_id"):
                    filled = filled.replace(f"{{{name}}}", device)
                await scene.desk.ask("GET", filled, key=key)
    async with httpx.AsyncClient(trust_env=False) as client:
        for process in scene.hub.processes:
            if process.is_running():
                for path in ("/readyz", "/healthz", "/metrics", "/accepting"):
                    answer = await client.get(process.ready_url.replace("/readyz", path))
                    scene.places.add("answers of health listeners", answer.content)


async def _lose_servers(
    scene: Scene, private_redis: RedisServer, private_postgres: PostgresServer
) -> None:
    """Have all services lose Redis and Postgres, be turned away, and find them again."""
    scene.collect()
    gateway, registry = scene.hub.gateways[0].process, scene.hub.registries[0].process
    private_postgres.stop()
    private_redis.stop()
    wish = {"secret": scene.known.new("one while Postgres is away")}
    refused = await scene.desk.ask(
        "PUT", "/chargers/c1/secret", key=scene.known.admin_key, json=wish
    )
    assert refused.status_code == 503
    await gateway.logged("redis is lost")
    await registry.logged("postgres is away")
    private_postgres.start()
    private_redis.start()
    # The services' user is not there yet: Redis turns them away.
    await asyncio.sleep(1)
    _let_in(private_redis, scene.known.redis_password)
    await scene.hub.ready()


# --- what is made of secrets


def _traces_of_what_is_stored(scene: Scene) -> list[str]:
    """Say where the hashes and digests are that belong to Postgres, or to it and Redis, alone."""
    with psycopg.connect(scene.postgres_dsn) as connection:
        rows = connection.execute(
            "SELECT device_id, hash, digest FROM charger_secrets"
            " UNION ALL SELECT device_id, hash, digest FROM widget_secrets"
        ).fetchall()
    assert len(rows) > 5
    tables = {"postgres charger_secrets", "postgres widget_secrets"}
    found: list[str] = []
    for device, hash_, digest in rows:
        # A hash of its own, so that the text is not found where only the digest may be.
        for what, text, homes in (("hash", hash_, tables), ("digest", digest, {*tables, "redis"})):
            strange = scene.places.where(text.encode()) - homes
            found += [f"the {what} of a secret of {device} in {place}" for place in strange]
    # Had the digest another form by now, the search above would find nothing.
    secret = scene.known.more["a secret generated at a terminal"]
    digest = digest_of(scene.known.digest_key, "c1", secret)
    assert "redis" in scene.places.where(digest.encode())
    for what, key in scene.known.api_keys.items():
        strange = scene.places.where(forms_of(key)["as SHA-256 in hex"].lower())
        assert "postgres api_keys" in strange, what
        found += [f"the hash of {what} in {place}" for place in strange - {"postgres api_keys"}]
    return found
