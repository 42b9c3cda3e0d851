"""Where a server comes from, and why: decided from facts alone, and printed as decided."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ServerSource(StrEnum):
    """Where a server comes from."""

    GIVEN = "given"
    """The user runs it and gave its address."""

    CONTAINERS = "containers"
    """A Docker engine runs it, for as long as we need it."""

    EMBEDDED = "embedded"
    """We run it as a process of our own."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether something is available here, and the reason, as half a sentence."""

    available: bool
    reason: str


def unavailable(reason: str) -> Availability:
    """It is not available, for this reason."""
    return Availability(available=False, reason=reason)


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen source, and the reason, as half a sentence."""

    source: ServerSource
    reason: str


class UnknownSourceError(Exception):
    """A setting names a source that does not exist."""

    @classmethod
    def of(cls, setting: str, value: str) -> Self:
        """Say which setting has which value, and which values it may have."""
        return cls(f"{setting} is {value!r}: it may be containers, embedded or auto (or not set)")


def forced_source(setting: str, value: str | None) -> ServerSource | None:
    """The source that a setting forces; None leaves the choice open.

    Raises:
        UnknownSourceError: the value is none of auto, containers, embedded.
    """
    if value in (None, "", "auto"):
        return None
    if value in (ServerSource.CONTAINERS, ServerSource.EMBEDDED):
        return ServerSource(value)
    raise UnknownSourceError.of(setting, value)


def choose(
    *, given_by: str | None, forced_by: str, forced: ServerSource | None, containers: Availability
) -> Choice:
    """Choose the source of one server.

    Args:
        given_by: the name of the setting that gives an address, None if none is given.
        forced_by: the name of the setting that may force a source.
        forced: the source it forces; it wins over a given address too.
        containers: whether containers are available.
    """
    if forced is not None:
        return Choice(forced, f"{forced_by}={forced}")
    if given_by is not None:
        return Choice(ServerSource.GIVEN, f"{given_by} is set")
    if containers.available:
        return Choice(ServerSource.CONTAINERS, containers.reason)
    return Choice(ServerSource.EMBEDDED, containers.reason)
