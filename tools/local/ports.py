"""The three ports of the hub on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tools.local.errors import LocalHubError
from tools.servers.ports import is_free
from tools.servers.server_source import ServerSource

ALL_ADDRESSES = ""


@dataclass(frozen=True, slots=True)
class HubPorts:
    """Where the hub listens, and the settings that change it."""

    chargers: int
    widgets: int
    registry: int
    settings: tuple[str, str, str]

    @classmethod
    def of(cls, source: ServerSource, environment: Mapping[str, str]) -> Self:
        """The usual ports, or those of the settings that this source has.

        Raises:
            LocalHubError: a setting is no port number.
        """
        if source is ServerSource.CONTAINERS:
            kinds = ("COMPOSE_CHARGER", "COMPOSE_WIDGET", "COMPOSE_REGISTRY")
        else:
            kinds = ("GATEWAY_CHARGER", "GATEWAY_WIDGET", "REGISTRY")
        names = tuple(f"CHARGELIGHT_{kind}_PORT" for kind in kinds)
        usual = zip(names, (3100, 3200, 3300), strict=True)
        chargers, widgets, registry = (port_of(name, environment, port) for name, port in usual)
        return cls(chargers, widgets, registry, (names[0], names[1], names[2]))

    @classmethod
    def usual(cls) -> Self:
        """The ports without any settings."""
        return cls.of(ServerSource.EMBEDDED, {})

    def check_free(self) -> None:
        """Check that nothing listens there yet.

        Raises:
            LocalHubError: something does; says where, and what to do.
        """
        uses = ("chargers", "widgets", "the registry")
        ports = (self.chargers, self.widgets, self.registry)
        taken = [
            f"Port {port} (for {use}) is taken: stop what listens there, or set {name}."
            for port, use, name in zip(ports, uses, self.settings, strict=True)
            if not is_free(port, ALL_ADDRESSES)
        ]
        if taken:
            raise LocalHubError("\n".join(taken))


def port_of(name: str, environment: Mapping[str, str], usual: int) -> int:
    """The port that a setting names, or else the usual one.

    Raises:
        LocalHubError: the setting is no port number.
    """
    value = environment.get(name) or str(usual)
    if not (value.isascii() and value.isdecimal() and 0 < int(value) < 65536):  # noqa: PLR2004
        raise LocalHubError(f"{name} is {value!r}: a port is a number from 1 to 65535.")
    return int(value)
