"""What attackers do at the door of a hub, and from what."""

import base64
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tests.fixtures.raw_frames import handshake

HONEST: Final = [f"c{number:05}" for number in range(20)]
"""Chargers that connect during attacks: several, as each may connect only so often."""


class Port(Enum):
    """What is attacked."""

    CHARGERS = "chargers"
    WIDGETS = "widgets"
    TLS = "chargers, with TLS"
    REST = "REST"


class Then(Enum):
    """What an attacker's socket does once it has sent what it sends."""

    STAY = "stay"
    LEAVE = "leave when it is answered"
    HURRY = "leave soon, also without an answer: some refusals take their time"


@dataclass(frozen=True)
class Attack:
    """One kind of attack.

    Attributes:
        port: What is attacked.
        sends: What a socket sends, by its number.
        then: What it does next.
        sockets: How many there are at once.
        finishes_tls: Whether each goes through a whole TLS handshake first.
    """

    port: Port
    sends: Callable[[int], bytes]
    then: Then
    sockets: int
    finishes_tls: bool = False


def authorization(secret: str, device_id: str) -> str:
    """Return the header with which a device presents its secret."""
    return "Authorization: Basic " + base64.b64encode(f"{device_id}:{secret}".encode()).decode()


def _wrong_secret(number: int) -> bytes:
    """Guess the secrets of those that connect meanwhile."""
    device = HONEST[number % len(HONEST)]
    return handshake(f"/chargers/{device}", authorization(f"wrong-secret-{number:08}", device))


def _wrong_key(number: int) -> bytes:
    """Guess a key of the right form: it is looked up."""
    key = f"Authorization: Bearer clk_{number:012}_{'x' * 43}"
    return f"GET /chargers HTTP/1.1\r\nHost: localhost\r\n{key}\r\n\r\n".encode()


def client_tls() -> ssl.SSLContext:
    """Return the TLS of a client that does not care whom it talks to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _client_hello() -> bytes:
    """Return how a TLS handshake begins: it costs the sender nothing to send it again."""
    sent = ssl.MemoryBIO()
    try:
        client_tls().wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()
    raise AssertionError("nobody has answered")


_HELLO: Final = _client_hello()

ATTACKS: Final[Mapping[str, Attack]] = {
    "silent sockets": Attack(Port.CHARGERS, lambda _: b"", Then.STAY, 3000),
    "silent in TLS handshakes": Attack(Port.TLS, lambda _: _HELLO, Then.STAY, 1500),
    "slots of one id": Attack(
        Port.WIDGETS, lambda _: handshake("/widgets/w00000"), Then.STAY, 1000
    ),
    "reconnects of one id": Attack(
        Port.WIDGETS, lambda _: handshake("/widgets/w00001"), Then.LEAVE, 100
    ),
    "wrong secrets": Attack(Port.CHARGERS, _wrong_secret, Then.HURRY, 500),
    "wrong API keys": Attack(Port.REST, _wrong_key, Then.HURRY, 500),
    "TLS handshakes": Attack(Port.TLS, lambda _: b"", Then.LEAVE, 100, finishes_tls=True),
    "begun TLS handshakes": Attack(Port.TLS, lambda _: _HELLO, Then.LEAVE, 100),
}
