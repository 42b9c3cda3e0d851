"""What this machine sees of a port: whether it answers, its TLS, and whom it lets in.

A gateway notes what it refuses: a probe stands in ``chargelight refused`` afterwards.
"""

import base64
import contextlib
import os
import socket
import ssl
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cryptography import x509

from services.cli.doctor.facts import Port
from services.cli.doctor.upkeep_rules import PROBE
from shared.process.listeners import is_loopback

_SECONDS: Final = 3.0
_HANDSHAKE_SECONDS: Final = 8.0
"""A gateway that cannot decide answers after 5 s."""
_STATUS: Final = slice(9, 12)
"""Of the line ``HTTP/1.1 401 Unauthorized``."""
_INSIDE: Final = ("registry", "loadbalancer", "gateway", "router")
"""Names in a network of containers."""


def is_inside(host: str) -> bool:
    """Tell whether only this machine, or a network of containers, reaches a host."""
    return is_loopback(host) or host in _INSIDE


def look_at_port(host: str, number: int, path: str = "") -> Port:
    """Return what is seen of a port.

    Args:
        host: Its host.
        number: Its number.
        path: What a WebSocket handshake asks for; empty: none is made.
    """
    where, inside = f"{host}:{number}", is_inside(host)
    if not answers(host, number):
        return Port(where, inside)
    certificate = _certificate(host, number)
    has_tls = certificate is not None
    return Port(
        where,
        inside,
        answers=True,
        has_tls=has_tls,
        ends_at=_end_of(certificate),
        takes_old_tls=_takes_old_tls(host, number) if has_tls else None,
        status=_handshake(host, number, f"{path}/{PROBE}", has_tls=has_tls) if path else None,
    )


def answers(host: str, number: int) -> bool:
    """Tell whether a port accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection((host, number), _SECONDS):
        return True
    return False


def needs_no_password(host: str, number: int) -> bool:
    """Tell whether a Redis answers a command without a password."""
    with contextlib.suppress(OSError), socket.create_connection((host, number), _SECONDS) as sock:
        sock.sendall(b"PING\r\n")
        return sock.recv(16).startswith(b"+PONG")
    return False


def _certificate(host: str, number: int) -> bytes | None:
    """Return the certificate that a port shows; None: it does not speak TLS."""
    with contextlib.suppress(OSError), _connected(host, number, _any_server()) as sock:
        assert isinstance(sock, ssl.SSLSocket)  # noqa: S101 - a context was given
        return sock.getpeercert(binary_form=True)
    return None


def _end_of(certificate: bytes | None) -> datetime | None:
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc if certificate else None


def _takes_old_tls(host: str, number: int) -> bool | None:
    """Tell whether a port speaks TLS 1.1; None: this machine's library does not."""
    context = _any_server()
    with warnings.catch_warnings():
        # Its use is what is deprecated, and what is looked for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with _connected(host, number, context):
            return True
    except ssl.SSLError as error:
        return None if error.reason == "NO_PROTOCOLS_AVAILABLE" else False
    except OSError:
        return False


def _handshake(host: str, number: int, path: str, *, has_tls: bool) -> int | None:
    """Return the status that a WebSocket handshake without a secret gets (RFC 6455 section 4.1).

    None: the connection was closed without an answer, as a port does that wants a certificate.
    """
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {_bracketed(host)}:{number}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    context = _any_server() if has_tls else None
    with (
        contextlib.suppress(OSError, ValueError),
        _connected(host, number, context) as sock,
    ):
        sock.settimeout(_HANDSHAKE_SECONDS)
        sock.sendall(request.encode())
        with sock.makefile("rb") as answer:
            return int(answer.readline(1024)[_STATUS])
    return None


@contextlib.contextmanager
def _connected(host: str, number: int, context: ssl.SSLContext | None) -> Iterator[socket.socket]:
    with socket.create_connection((host, number), _SECONDS) as plain:
        if context is None:
            yield plain
        else:
            with context.wrap_socket(plain, server_hostname=host) as encrypted:
                yield encrypted


def _any_server() -> ssl.SSLContext:
    """Return a context that checks no certificate: it is looked at, whatever it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
