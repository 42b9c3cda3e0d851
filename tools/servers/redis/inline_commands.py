"""Single commands to a Redis server of ours, without a client library's retries."""

import socket
from contextlib import suppress
from pathlib import Path

from tools.servers.credentials import ADMIN

Address = tuple[str, int] | Path
"""Host and port, or a Unix socket."""


def ask(address: Address, command: str, *, timeout_seconds: float = 5.0) -> str:
    """Send one command of plain words as the admin.

    Returns the answer's text, an error with its dash.

    Raises:
        OSError: the server does not answer in time.
    """
    with _connect(address, timeout_seconds) as connection, connection.makefile("rb") as answers:
        connection.sendall(f"AUTH {ADMIN.name} {ADMIN.password}\r\n{command}\r\n".encode())
        first = answers.readline().decode().rstrip()
        if first == "+OK":
            first = answers.readline().decode().rstrip()
        if first.startswith("$"):
            return answers.read(int(first[1:])).decode()
        return first.lstrip("+:")


def _connect(address: Address, timeout_seconds: float) -> socket.socket:
    if not isinstance(address, Path):
        return socket.create_connection(address, timeout=timeout_seconds)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout_seconds)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        raise
    return connection


def is_ready(address: Address) -> bool:
    """Whether the server has loaded its data and answers."""
    try:
        return ask(address, "PING", timeout_seconds=1) == "PONG"
    except OSError:
        return False


def shut_down(address: Address, *, keep_data: bool) -> None:
    """Ask the server to end, with a snapshot or without."""
    with suppress(OSError):  # it ends without an answer
        ask(address, "SHUTDOWN SAVE" if keep_data else "SHUTDOWN NOSAVE", timeout_seconds=10)


def save(address: Address) -> None:
    """Take a snapshot.

    Raises:
        OSError: the server refused, or does not answer in time.
    """
    answer = ask(address, "SAVE", timeout_seconds=10)
    if answer != "OK":
        raise OSError(f"Redis took no snapshot: {answer}")
