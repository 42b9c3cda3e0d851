"""Opening a server from whichever source fits this machine, the same for Redis and Postgres."""

from collections.abc import Callable
from typing import TypeVar

from tools.servers.server_options import ServerOptions
from tools.servers.server_source import ServerSource
from tools.servers.wheels import NoServerError

Server = TypeVar("Server")

MAY_BE_HARMED = "a server that may be killed"


def open_server(
    options: ServerOptions,
    setting: str,
    *,
    given: Callable[[str, str], Server],
    contained: Callable[[str], Server],
    embedded: Callable[[str], Server],
) -> Server:
    """Open a server to use; each source takes the reason of the choice.

    Args:
        options: what decides about the source.
        setting: the name of the setting that may give an address.
        given: takes that address, too.
        contained: starts a container.
        embedded: starts a process.

    Raises:
        NoServerError: no source works on this machine; the message says what to do.
    """
    choice = options.choice(setting)
    if choice.source is ServerSource.GIVEN:
        return given(options.settings[setting], choice.reason)
    if choice.source is ServerSource.EMBEDDED:
        return embedded(choice.reason)
    try:
        return contained(choice.reason)
    except NoServerError as error:
        if options.forced is not None:
            raise
        return embedded(f"{choice.reason}, but {error}")


def open_private_server(
    options: ServerOptions,
    *,
    contained: Callable[[str], Server],
    embedded: Callable[[str], Server],
) -> Server:
    """Open a server that the caller may freeze and kill.

    A process if possible, even where there are containers: signals to it are quick and exact.

    Raises:
        NoServerError: no source works on this machine; the message says what to do.
    """
    if options.forced is ServerSource.CONTAINERS:
        return contained(f"{options.forced_by}={options.forced}")
    try:
        return embedded(MAY_BE_HARMED)
    except NoServerError:
        if not options.containers.available:
            raise
        return contained(MAY_BE_HARMED)
