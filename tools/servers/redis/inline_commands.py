"""Single commands to a Redis server of ours, without a client library's retries."""

import socket
from contextlib import suppress


def ask(host: str, port: int, command: str, *, timeout_seconds: float = 5.0) -> str:
    """Send one command of plain words; returns the answer's text, an error with its dash.

    Raises:
        OSError: the server does not answer in time.
    """
    with socket.create_connection((host, port), timeout=timeout_seconds) as connection:
        connection.sendall(command.encode() + b"\r\n")
        with connection.makefile("rb") as answer:
            first = answer.readline().decode().rstrip()
            if first.startswith("$"):
                return answer.read(int(first[1:])).decode()
            return first.lstrip("+:")


def is_ready(host: str, port: int) -> bool:
    """Whether the server has loaded its data and answers."""
    try:
        return ask(host, port, "PING", timeout_seconds=1) == "PONG"
    except OSError:
        return False


def shut_down(host: str, port: int, *, keep_data: bool) -> None:
    """Ask the server to end, with a snapshot or without."""
    with suppress(OSError):  # it ends without an answer
        ask(host, port, "SHUTDOWN SAVE" if keep_data else "SHUTDOWN NOSAVE", timeout_seconds=10)


def save(host: str, port: int) -> None:
    """Take a snapshot.

    Raises:
        OSError: the server refused, or does not answer in time.
    """
    answer = ask(host, port, "SAVE", timeout_seconds=10)
    if answer != "OK":
        raise OSError(f"Redis took no snapshot: {answer}")
