"""Which way the hub is brought up: by Compose, or as processes of our own.

`python -m tools.local.way --with auto` prints the way in one word: the Makefile prepares the
Python environment only where it is needed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from tools.servers.engine import docker_engine
from tools.servers.environment import POSTGRES_SETTING, REDIS_SETTING
from tools.servers.server_source import (
    Choice,
    Offer,
    ServerSource,
    UnknownSourceError,
    choose,
    forced_source,
)

FORCED_BY = "WITH"
"""`make up WITH=embedded`"""

OLDEST_COMPOSE = (1, 29)


@dataclass(frozen=True, slots=True)
class Decision:
    """The way, and how Compose is called if that is the way."""

    choice: Choice
    compose: tuple[str, ...]


def requested(arguments: list[str]) -> str:
    """What the command line asks for, unchecked."""
    parser = argparse.ArgumentParser(prog="python -m tools.local", description=__doc__)
    parser.add_argument("--with", dest="way", default="auto", help="auto, containers or embedded")
    return str(parser.parse_args(arguments).way)


def decide(wish: str, environment: Mapping[str, str] = os.environ) -> Decision:
    """Decide by the wish, the settings and what this machine has.

    Given addresses of servers rule Compose out: its services use its own servers.

    Raises:
        UnknownSourceError: the wish is none of auto, containers, embedded.
    """
    forced = forced_source(FORCED_BY, wish)
    compose = () if forced is ServerSource.EMBEDDED else compose_command()
    given = next(
        (name for name in (REDIS_SETTING, POSTGRES_SETTING) if environment.get(name)), None
    )
    choice = choose(
        given_by=given,
        forced_by=FORCED_BY,
        forced=forced,
        containers=_offer(compose) if forced is None else Offer(available=False, because=""),
    )
    if choice.way is ServerSource.GIVEN:
        choice = Choice(ServerSource.EMBEDDED, choice.why)
    return Decision(choice, compose)


def compose_command() -> tuple[str, ...]:
    """How Compose is called here; nothing if there is none, or only a too old one."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) is not None:
            version = _output(*command, "version", "--short")
            if _numbers(version) >= OLDEST_COMPOSE:
                return command
    return ()


def _offer(compose: tuple[str, ...]) -> Offer:
    engine = docker_engine()
    if engine.available and not compose:
        oldest = ".".join(str(number) for number in OLDEST_COMPOSE)
        return Offer(
            available=False, because=f"{engine.because}, but there is no Compose {oldest} or newer"
        )
    return engine


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", version)
    return tuple(int(number) for number in found.groups()) if found else ()


def _output(*command: str) -> str:
    try:
        asked = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout if asked.returncode == 0 else ""


if __name__ == "__main__":
    try:
        print(decide(requested(sys.argv[1:])).choice.way)
    except UnknownSourceError as error:
        sys.exit(str(error))
