"""Single commands to a Redis server of ours, without a client library's retries."""

import socket


def ask(host: str, port: int, command: str, *, timeout_seconds: float = 1.0) -> str:
    """Send one command of plain words; returns the first line of the answer.

    Raises:
        OSError: the server is not there, or does not answer in time.
    """
    with socket.create_connection((host, port), timeout=timeout_seconds) as connection:
        connection.sendall(command.encode() + b"\r\n")
        with connection.makefile("rb") as answer:
            return answer.readline().decode().rstrip()


def ask_all(host: str, port: int, command: str, *, timeout_seconds: float = 5.0) -> str:
    """Like `ask`, but returns all of a text of many lines; an error begins with a dash.

    Raises:
        OSError: the server is not there, or does not answer in time.
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
        return ask(host, port, "PING") == "+PONG"
    except OSError:
        return False
