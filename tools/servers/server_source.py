"""Which way a server is had, and why: decided from facts alone, and printed as it was decided."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ServerSource(StrEnum):
    """Where a server comes from."""

    GIVEN = "given"
    """A person runs it and gave its address."""

    CONTAINERS = "containers"
    """A Docker engine runs it, for as long as we need it."""

    EMBEDDED = "embedded"
    """We run it as a process of our own."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether containers can be had here, and what speaks for or against it, as half a sentence."""

    available: bool
    because: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One way, and the reason, as half a sentence."""

    way: ServerSource
    why: str


class UnknownSourceError(Exception):
    """A setting names a way that does not exist."""

    @classmethod
    def of(cls, setting: str, value: str) -> Self:
        """Say which setting has which value, and what it may be."""
        return cls(f"{setting} is {value!r}: it may be containers, embedded or auto (or not set)")


def forced_source(setting: str, value: str | None) -> ServerSource | None:
    """The way that a setting forces; None leaves the choice open.

    Raises:
        UnknownSourceError: the value is none of auto, containers, embedded.
    """
    if value in (None, "", "auto"):
        return None
    if value in (ServerSource.CONTAINERS, ServerSource.EMBEDDED):
        return ServerSource(value)
    raise UnknownSourceError.of(setting, value)


def choose(
    *, given_by: str | None, forced_by: str, forced: ServerSource | None, containers: Offer
) -> Choice:
    """Choose for one server.

    Args:
        given_by: the name of the setting that gives an address, None if none is given.
        forced_by: the name of the setting that may force a way.
        forced: the way it forces; it wins over a given address too.
        containers: whether containers can be had.
    """
    if forced is not None:
        return Choice(forced, f"{forced_by}={forced}")
    if given_by is not None:
        return Choice(ServerSource.GIVEN, f"{given_by} is set")
    if containers.available:
        return Choice(ServerSource.CONTAINERS, containers.because)
    return Choice(ServerSource.EMBEDDED, containers.because)
