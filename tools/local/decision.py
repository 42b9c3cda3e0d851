"""Whether the local hub runs in containers or as processes.

`python -m tools.local.decision --with auto` prints the decision in one word: the Makefile prepares
the Python environment only where processes need it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from shared.process.listeners import is_loopback
from tools.local.address import OPEN
from tools.local.errors import LocalHubError
from tools.servers.engine import docker_engine
from tools.servers.server_options import POSTGRES_SETTING, REDIS_SETTING
from tools.servers.server_source import (
    Availability,
    Choice,
    ServerSource,
    UnknownSourceError,
    choose,
    forced_source,
    unavailable,
)

FORCED_BY = "WITH"
"""`make up WITH=embedded`"""

OLDEST_COMPOSE = (1, 29)


@dataclass(frozen=True, slots=True)
class Decision:
    """The source of the hub's servers, and how Compose is called if they are containers."""

    choice: Choice
    compose: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for, unchecked."""

    source: str
    address: str
    """Where others reach the hub; empty: what the settings say."""
    tls: str
    """``yes``, ``no``, or empty: if others reach the hub."""

    @classmethod
    def of(cls, arguments: list[str]) -> Self:
        """Read the arguments of the command line.

        Raises:
            LocalHubError: TLS is neither wanted nor not.
        """
        parser = argparse.ArgumentParser(prog="python -m tools.local", description=__doc__)
        parser.add_argument("--with", dest="source", default="auto", help="or containers, embedded")
        parser.add_argument("--address", default="", help="IP address at which others reach it")
        parser.add_argument("--tls", default="", help="yes or no: with a throw-away CA")
        asked = cls(**vars(parser.parse_args(arguments)))
        if asked.tls not in ("", "yes", "no"):
            raise LocalHubError(f"WITH_TLS is {asked.tls!r}: it may be yes or no (or not set)")
        return asked

    def wants_tls(self, environment: Mapping[str, str] = os.environ) -> bool:
        """Whether the hub gets certificates: if others reach it, unless it is open to all."""
        lets_in = bool(self.address) and not is_loopback(self.address)
        return self.tls == "yes" or (not self.tls and lets_in and not environment.get(OPEN))


def decide(
    requested: str, environment: Mapping[str, str] = os.environ, *, with_tls: bool = False
) -> Decision:
    """Decide by the request, the settings and what this machine has.

    Given addresses of servers rule Compose out: its services use its own servers. So do
    certificates: we make them for processes only.

    Raises:
        UnknownSourceError: the request is none of auto, containers, embedded.
    """
    forced = forced_source(FORCED_BY, requested)
    if forced is None and with_tls:
        return Decision(Choice(ServerSource.EMBEDDED, "with TLS"), ())
    compose = () if forced is ServerSource.EMBEDDED else compose_command()
    given = next(
        (name for name in (REDIS_SETTING, POSTGRES_SETTING) if environment.get(name)), None
    )
    containers = _containers(compose) if forced is None else unavailable("not looked for")
    choice = choose(given_by=given, forced_by=FORCED_BY, forced=forced, containers=containers)
    if choice.source is ServerSource.GIVEN:
        choice = Choice(ServerSource.EMBEDDED, choice.reason)
    return Decision(choice, compose)


def compose_command() -> tuple[str, ...]:
    """How Compose is called here; nothing if there is none, or only one that is too old."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) is not None:
            version = _output(*command, "version", "--short")
            if _numbers(version) >= OLDEST_COMPOSE:
                return command
    return ()


def _containers(compose: tuple[str, ...]) -> Availability:
    engine = docker_engine()
    if engine.available and not compose:
        oldest = ".".join(str(number) for number in OLDEST_COMPOSE)
        return unavailable(f"{engine.reason}, but there is no Compose {oldest} or newer")
    return engine


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", version)
    return tuple(int(number) for number in found.groups()) if found else ()


def _output(*command: str) -> str:
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout if ran.returncode == 0 else ""


if __name__ == "__main__":
    try:
        asked = Request.of(sys.argv[1:])
        print(decide(asked.source, with_tls=asked.wants_tls()).choice.source)
    except (UnknownSourceError, LocalHubError) as error:
        sys.exit(str(error))
