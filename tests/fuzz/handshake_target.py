"""The target ``handshake``: any bytes before a connection is open, in any pieces."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from random import Random
from typing import Final, NamedTuple

from shared.contract.devices import is_device_id
from tests.fuzz import wire
from tests.fuzz.gateway_end import GatewayEnd, Parts
from tests.fuzz.readings_target import reading
from tests.fuzz.reference import Device
from tests.fuzz.target import check, choices, cut
from tests.unit.gateway.fake_device import head_of

DOCUMENTED: Final = frozenset({400, 401, 403, 404, 405, 426, 431, 503, 505})
"""The statuses that a handshake may be refused with (docs/protocol.md)."""
_RETRY_AFTER: Final = frozenset({503})
_PATHS: Final = {Device.CHARGER: ("/chargers/",), Device.WIDGET: ("/widgets/", "/devices/")}
_ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MOST_HEAD: Final = 8192

_REQUEST_LINE: Final = re.compile(rb"GET ([^ \n\x80-\xff]*) HTTP/1\.1")
"""The query is ignored, whatever stands in it."""
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.DOTALL)
_KEY_LINE: Final = re.compile(rb"\r\nsec-websocket-key:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)
_PLAIN: Final = re.compile(rb"(X-[A-Za-z0-9-]+|Host|User-Agent): [!-~]+")


class Door(Enum):
    """What becomes of a handshake that is right as such."""

    OPEN = "open"
    """Nobody judges: credentials are off."""
    ADMITS = "admits"
    REFUSES = "refuses"
    WAITS = "waits"
    """It cannot be judged, and its time runs out."""
    DRAINS = "drains"
    """The gateway is stopping."""


_DOORS: Final = tuple(Door)


class Plan(NamedTuple):
    """How the bytes of an input are used: the first two say how the rest arrives."""

    device: Device
    door: Door
    politely: bool
    cut_seed: int
    stream: bytes

    @classmethod
    def of(cls, data: bytes) -> "Plan":
        """Read a plan; there is one in any bytes."""
        first, second = (data + b"\0\0")[:2]
        device = Device.WIDGET if first & 0x80 else Device.CHARGER
        return cls(device, _DOORS[(first & 0x3F) % 5], bool(first & 0x40), second, data[2:])


class Heard(NamedTuple):
    """What became of a handshake, however it came."""

    status: int
    """Of the answer; 0 if there is none."""
    body: bytes
    ended: bool
    """Whether the gateway wants no more of this device."""
    device_id: str
    """The id that came in; empty if it did not."""
    readings: list[float]


class HandshakeTarget:
    """Everything up to the answer to a handshake, and the frames that came with it."""

    def __init__(self, parts: Parts = Parts()) -> None:  # noqa: B008 - it never changes
        self._parts = parts
        self.seeds: Sequence[bytes] = SEEDS
        self.tokens: Sequence[bytes] = TOKENS

    def __call__(self, data: bytes) -> Iterable[str]:
        """Run one beginning of a connection, whole and in pieces."""
        plan = Plan.of(data)
        whole = self._run(plan, [plan.stream])
        pieces = self._run(plan, cut(plan.stream, plan.cut_seed or 1))
        check(whole == pieces, f"whole it becomes {whole}, in pieces {pieces}")
        may, must = judged(plan.stream, plan.device)
        if whole.device_id:
            check(whole.device_id == may, f"{whole.device_id} is let in, but it is {may!r}")
        if must and plan.door in {Door.OPEN, Door.ADMITS}:
            check(whole.device_id == may, f"{may} is not let in, but gets {whole.status}")
        return [_outcome(whole)]

    def _run(self, plan: Plan, chunks: Iterable[bytes]) -> Heard:
        end = GatewayEnd(
            plan.device,
            with_authenticator=plan.door in {Door.ADMITS, Door.REFUSES, Door.WAITS},
            parts=self._parts,
        )
        end.context.draining = plan.door is Door.DRAINS
        end.deliver(chunks)
        if plan.door is Door.WAITS and end.authenticator and end.authenticator.pending:
            end.authenticator.pending.on_auth_deferred()
            check(end.context.waiting, "a handshake that waits for the directory is not counted")
        else:
            end.judge(admitted=plan.door is Door.ADMITS)
        heard = _heard(end, plan)
        _check_ending(end, plan, heard)
        return heard

    def generate(self, rng: Random) -> bytes:
        """Return a plan and a head: mostly good ones, with something wrong or odd."""
        # Most doors are open, or everything would end at the authenticator.
        door = rng.choice((0, 0, 0, 1, 1, 2, 3, 4))
        plan = bytes([door + 5 * rng.randrange(12) | rng.choice((0, 0x40, 0x80))])
        stream = choices(
            rng,
            [
                (40, lambda: _head(rng, plan[0] >= 0x80)),
                (2, lambda: b"".join(rng.choices(TOKENS, k=rng.randint(0, 12)))),
                (1, lambda: _large_head(rng)),
            ],
        )
        for _ in range(rng.choice((0, 0, 1, 2))):
            stream += wire.device_frame(
                rng.choice((wire.TEXT, wire.PING)), reading(b"%d" % rng.randint(0, 100))
            )
        return plan + bytes([rng.choice((0, 1, rng.randrange(256)))]) + stream


def judged(stream: bytes, device: Device) -> tuple[str | None, bool]:
    """Read a handshake independently.

    Returns:
        The id it may come in with, if any, and whether it must be let in: it is so plain
        that no strictness is a reason to refuse it.
    """
    head, end, _ = stream.partition(b"\r\n\r\n")
    request_line, *lines = head.split(b"\r\n")
    request = _REQUEST_LINE.fullmatch(request_line)
    headers = [_HEADER.fullmatch(line) for line in lines]
    if not end or request is None or not all(headers):
        return None, False
    device_id = _id_in(request[1].decode(), device)
    found: dict[bytes, list[bytes]] = {}
    for header in headers:
        if header is not None:
            found.setdefault(header[1].lower(), []).append(header[2])
    may = (
        device_id is not None
        and len(head) + 4 <= _MOST_HEAD
        and b"transfer-encoding" not in found
        and _may_come_from(found.get(b"origin", []), found.get(b"host", []))
        and all(_NEEDED[name](found.get(name, [])) for name in _NEEDED)
    )
    others = [line for line in lines if not _PLAIN.fullmatch(line)]
    must = (
        may
        and request_line.decode().isprintable()
        and sorted(others) == _USUAL
        and len(lines) <= 100
    )
    return (device_id, must) if may else (None, False)


def _id_in(target: str, device: Device) -> str | None:
    """Return the id in a target, read segment by segment."""
    target = target.split("?", 1)[0]
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in {"http", "https", "ws", "wss"}:
        authority, slash, target = rest.partition("/")
        target = slash + target if authority and not set(authority) & set("@#") else ""
    begin, *segments = target.split("/")
    empty = [number for number, segment in enumerate(segments) if not segment]
    if begin or len(segments) != 2 + len(empty) or len(empty) > 1:
        return None
    kind, device_id = (_unescaped(segment) for segment in segments if segment)
    is_served = f"/{kind}/" in _PATHS[device]
    return device_id if is_served and re.fullmatch(r"[A-Za-z0-9._-]{1,64}", device_id) else None


def _unescaped(segment: str) -> str:
    """Undo escapes, except of what might stand for something else than itself."""
    first, *parts = segment.split("%")
    for part in parts:
        code = int(part[:2], 16) if re.fullmatch("[0-9A-Fa-f]{2}", part[:2]) else 0
        plain = re.fullmatch(r"[A-Za-z0-9._~-]", chr(code))
        first += chr(code) + part[2:] if plain else f"%{part}"
    return first


def _may_come_from(origins: list[bytes], hosts: list[bytes]) -> bool:
    """Tell whether a device may have sent this, where its hub's address is a plain one."""
    if not origins or origins == [b"file://"]:
        return len(hosts) <= 1 or not origins
    return origins == [b"http://127.0.0.1:3100"] and hosts == [b"127.0.0.1"]


def _tokens_of(values: list[bytes]) -> list[bytes]:
    return [token.strip(b" \t").lower() for value in values for token in value.split(b",")]


_NEEDED: Final[dict[bytes, Callable[[list[bytes]], bool]]] = {
    b"connection": lambda values: b"upgrade" in _tokens_of(values),
    b"upgrade": lambda values: [t for t in _tokens_of(values) if t] == [b"websocket"],
    b"sec-websocket-key": lambda v: len(v) == 1 and _is_key(v[0]),
    b"sec-websocket-version": lambda values: values == [b"13"],
    b"content-length": lambda values: set(values) <= {b"0"},
}


def _is_key(value: bytes) -> bool:
    """Tell whether it is 16 bytes as base64, with or without spare bits set."""
    return re.fullmatch(rb"[A-Za-z0-9+/]{22}==", value) is not None


def _heard(end: GatewayEnd, plan: Plan) -> Heard:
    written = end.written
    if not written:
        check(not end.events.told, "it came in without an answer")
        check(not end.transport.ended, "it is sent away without a status")
        return Heard(0, b"", end.is_ended, "", [])
    answer, rest = wire.answer_in(written)
    _check_answer(answer, plan)
    if answer.status != 101:
        check(not end.events.told, "it was refused, but came in")
        check(end.is_ended, "it was refused, but is not sent away")
        return Heard(answer.status, answer.body, True, "", [])  # noqa: FBT003
    list(wire.written_frames(rest))
    (told,) = end.events.told
    device_id = end.device.connection.device_id
    check(is_device_id(device_id), f"{device_id!r} came in, but is no id")
    check(told == f"connected {device_id}", "another device came in")
    # Whether and how it ends after this is for the other target to judge.
    return Heard(101, b"", False, device_id, end.events.readings)  # noqa: FBT003


def _check_answer(answer: wire.Answer, plan: Plan) -> None:
    status, headers = answer.status, answer.headers
    if status == 101:
        key = _KEY_LINE.search(plan.stream)
        digest = hashlib.sha1((key[1] if key else b"") + _ACCEPT_GUID)  # noqa: S324 - RFC 6455
        accept = base64.b64encode(digest.digest()).decode()
        check(headers.get("sec-websocket-accept") == accept, "the key is answered wrongly")
        check("sec-websocket-extensions" not in headers, "an extension was accepted")
        check("sec-websocket-protocol" not in headers, "a subprotocol was accepted")
        return
    check(status in DOCUMENTED, f"status {status} is not documented")
    check(answer.body.decode().endswith("\n"), "it is not said in a line of text what is wrong")
    check(("retry-after" in headers) == (status in _RETRY_AFTER), "when to try again")
    check(("www-authenticate" in headers) == (status == 401), "how to present credentials")


def _check_ending(end: GatewayEnd, plan: Plan, heard: Heard) -> None:
    """Whatever came, after the deadline it is in or gone."""
    before = end.written
    end.let_deadlines_pass()
    after = end.written[len(before) :]
    if plan.door is Door.WAITS and end.authenticator and end.authenticator.pending:
        check(wire.answer_in(after)[0].status == 503, "nobody could judge it, and it hears 503")
        end.let_deadlines_pass()
    else:
        check(not after, "something was said after the deadline")
    if heard.status != 101:
        check(end.transport.aborted, "a device that did not come in was not cut off")
    end.leave(politely=plan.politely)
    check(len(end.events.told) == (2 if heard.device_id else 0), "it came and went, once each")


def _outcome(heard: Heard) -> str:
    if heard.device_id:
        return "opened, readings counted" if heard.readings else "opened"
    if heard.status:
        return f"refused {heard.status}"
    return "ended without an answer" if heard.ended else "not answered yet"


_GOOD: Final = head_of("/chargers/c1")
_USUAL: Final = sorted(
    line for line in _GOOD.split(b"\r\n")[1:] if line and not _PLAIN.fullmatch(line)
)
_ODD_LINES: Final = (
    b"Connection: keep-alive, Upgrade\r\n",
    b"Connection: close\r\n",
    b"Connection: ,,\r\n",
    b'Connection: "Upgrade"\r\n',
    b"Upgrade: websocket\r\n",
    b"Upgrade: WebSocket\r\n",
    b"Upgrade: h2c\r\n",
    b"Upgrade: websocket/13\r\n",
    b"Upgrade: ,\r\n",
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n",
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZh==\r\n",
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg\r\n",
    b"Sec-WebSocket-Key: \xff\r\n",
    b"Sec-WebSocket-Key:\r\n",
    b"Sec-WebSocket-Version: 13\r\n",
    b"Sec-WebSocket-Version: 8\r\n",
    b"Sec-WebSocket-Version: 13, 8\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
    b"Sec-WebSocket-Extensions: ;=,\r\n",
    b"Sec-WebSocket-Protocol: chat\r\n",
    b"Sec-WebSocket-Protocol: \x7f,;\r\n",
    b"Origin: https://example.org\r\n",
    b"Origin: null\r\n",
    b"Origin: file://\r\n",
    b"Origin: http://127.0.0.1:3100\r\n",
    b"Origin: http://127.0.0.1.example\r\n",
    b"Origin:\r\n",
    b"Authorization: Basic YzE6c2VjcmV0\r\n",
    b"Authorization: Basic \xff\r\n",
    b"Authorization: Bearer x\r\n",
    b"Authorization:\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"X-Odd: \xff\x80\r\n",
    b"X-Odd: \x00\r\n",
    b"X-Odd : 1\r\n",
    b" folded\r\n",
    b"no colon\r\n",
    b": no name\r\n",
    b"X-Bare: 1\n",
    b"X-Bare: 1\r",
    b"X-Long: " + b"x" * 300 + b"\r\n",
)
_PATH_PIECES: Final = (
    b"/chargers/",
    b"/widgets/",
    b"/devices/",
    b"/chargers/c1",
    b"/chargers/c1?a=b",
    b"/chargers/c1/",
    b"/chargers/%63",
    b"/chargers//c1",
    b"//chargers/c1",
    b"/chargers//c1/",
    b"/chargers/c%2D1",
    b"/chargers/c%2F1",
    b"/chargers/%%32%35",
    b"http://u:p@h/chargers/c1",
    b"/chargers/c1\xc3\xa4",
    b"/chargers/c1#x",
    b"/Chargers/c1",
    b"http://h/chargers/c1",
    b"/chargers/" + b"a" * 64,
    b"/chargers/" + b"a" * 65,
    b"/chargers/.",
    b"/chargers/..",
    b"/chargers/c1\t",
    b"/",
    b"*",
    b"",
)
_METHODS: Final = (b"GET", b"get", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI", b"", b"\xff")
_VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"")
TOKENS: Final = [
    *_ODD_LINES,
    *_PATH_PIECES,
    *_METHODS,
    *_VERSIONS,
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\n\n",
    b" ",
    b":",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
    b"\r\n\r\n\x00\r\nQUIT\n",
    _GOOD,
    _GOOD[:-2],
    wire.device_frame(wire.TEXT, reading(b"70")),
]


def _head(rng: Random, is_widget: bool) -> bytes:  # noqa: FBT001
    """Return a good head with a few things changed."""
    path = rng.choice((b"/widgets/", b"/devices/") if is_widget else (b"/chargers/",))
    path += rng.choice((b"c1", b"A.b_c-9", b"x" * rng.randint(1, 66), b"1?query", b"1?/%20"))
    method, version = b"GET", b"HTTP/1.1"
    if rng.random() < 0.1:
        path = rng.choice(_PATH_PIECES)
    if rng.random() < 0.05:
        method = rng.choice(_METHODS)
    if rng.random() < 0.05:
        version = rng.choice(_VERSIONS)
    lines = [line + b"\r\n" for line in _GOOD.split(b"\r\n")[1:] if line]
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        if rng.random() < 0.5:
            lines.pop(rng.randrange(len(lines)))
        lines.insert(rng.randint(0, len(lines)), rng.choice(_ODD_LINES))
    if rng.random() < 0.3:
        rng.shuffle(lines)
    lines += [b"X-Plain: %d\r\n" % number for number in range(rng.choice((*[0] * 20, 3, 130)))]
    return b"%b %b %b\r\n%b\r\n" % (method, path, version, b"".join(lines))


def _large_head(rng: Random) -> bytes:
    """Return a head of about as many bytes as it may have."""
    size = _MOST_HEAD - len(_GOOD) + rng.choice((-100, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 900))
    where = rng.choice((b"/c1", b"Host: ", b"\r\nUpgrade"))
    filling = rng.choice((b"x", b"?")) * size
    if where == b"\r\nUpgrade":
        filling = (
            (b"\r\nX-Many: " + b"x" * 190) * (size // 200) + b"\r\nX: " + b"x" * (size % 200 - 5)
        )
    head = _GOOD.replace(where, where + filling if where != b"\r\nUpgrade" else filling + where, 1)
    return rng.choice((head, head, head[:-1], head[:-4], b"GET /" + filling + b" HTTP/1.1\r\n\r\n"))


def _plan(stream: bytes, first: int = 0, second: int = 1) -> bytes:
    return bytes([first, second]) + stream


def _of_size(size: int) -> bytes:
    """Return a good head of a size."""
    return _GOOD.replace(b"Host: ", b"Host: " + b"x" * (size - len(_GOOD)))


_READING: Final = wire.device_frame(wire.TEXT, reading(b"70"))
SEEDS: Final = [
    *(_plan(_GOOD + _READING, door) for door in range(5)),
    *(_plan(head_of("/widgets/w1") + _READING, 0x80 + door) for door in range(5)),
    *(_plan(head_of("/devices/w1"), 0xC0 + door) for door in range(5)),
    *(_plan(_GOOD[:-2] + line + b"\r\n") for line in _ODD_LINES),
    *(_plan(_GOOD.replace(b"/chargers/c1", path)) for path in _PATH_PIECES),
    *(_plan(_GOOD.replace(b"GET", method)) for method in _METHODS),
    *(_plan(_GOOD.replace(b"HTTP/1.1", version)) for version in _VERSIONS),
    *(_plan(token) for token in TOKENS),
    # The largest head there may be, and some a little larger, cut in two ways.
    *(_plan(_of_size(_MOST_HEAD + more), 0, seed) for more in range(-2, 7) for seed in (1, 2)),
    *(
        _plan(b"GET /" + b"x" * (_MOST_HEAD - 18 + more) + b" HTTP/1.1\r\n\r\n")
        for more in range(-2, 7)
    ),
    _plan(b"x" * 9000),
    _plan(b""),
]
