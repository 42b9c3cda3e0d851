"""The address at which others reach the local hub: `make up ADDRESS=192.168.1.5`.

Only the standard library: containers need nothing else.
"""

import contextlib
import ipaddress
import socket
from collections.abc import Mapping

from shared.process.listeners import is_loopback
from tools.local.access import DEVICE_AUTH, OPERATOR_AUTH
from tools.local.errors import LocalHubError
from tools.servers.server_source import ServerSource

OPEN = "CHARGELIGHT_OPEN"
LOOPBACK = "127.0.0.1"
EVERY = ("0.0.0.0", "[::]")  # noqa: S104 - what a setting may say, as URLs have it
THIS_MACHINE = "THIS-MACHINE"
"""Stands for an address that the person who reads it knows."""


def host_names(source: ServerSource) -> tuple[str, str]:
    """The settings of where devices and operators reach the hub."""
    if source is ServerSource.CONTAINERS:
        return "CHARGELIGHT_COMPOSE_ADDRESS", "CHARGELIGHT_COMPOSE_REGISTRY_ADDRESS"
    return "CHARGELIGHT_GATEWAY_HOST", "CHARGELIGHT_REGISTRY_HOST"


def settings_at(
    address: str, source: ServerSource, environment: Mapping[str, str]
) -> dict[str, str]:
    """What a hub needs at an address: where to listen, and authentication if others reach it.

    Without an address, the settings in the environment say where it listens.

    Raises:
        LocalHubError: it is no IP address.
    """
    names = host_names(source)
    own = dict.fromkeys(names, _as_host(address, source)) if address else {}
    if environment.get(OPEN) or not any(
        _is_reached(name, {**environment, **own}) for name in names
    ):
        return own
    is_off = [
        name for name in (DEVICE_AUTH, OPERATOR_AUTH) if environment.get(name, "off") == "off"
    ]
    return own | dict.fromkeys(is_off, "required")


def check_is_here(address: str) -> None:
    """Check that an address is one of this machine's; none is fine.

    Raises:
        LocalHubError: It is another machine's.
    """
    if not address:
        return
    ip = ipaddress.ip_address(address)
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6  # noqa: PLR2004
    try:
        with socket.socket(family) as trial:
            trial.bind((address, 0))
    except OSError as error:
        raise LocalHubError(
            f"ADDRESS is {address!r}, which is none of this machine's ({error.strerror}). "
            "`ip address` shows them; 0.0.0.0 means all."
        ) from None


def host_here(name: str, environment: Mapping[str, str]) -> str:
    """The host of URLs that lead to the hub from this machine, by the setting of its address."""
    host = _host_in_urls(name, environment)
    return LOOPBACK if host in ("", "localhost", *EVERY) else host


def device_urls(
    source: ServerSource, environment: Mapping[str, str], ports: tuple[int, int]
) -> tuple[str, ...]:
    """Where chargers and widgets connect; nothing if only this machine can, without TLS."""
    name = host_names(source)[0]
    if not (_is_reached(name, environment) or is_tls(environment)):
        return ()
    host = _host_in_urls(name, environment) or LOOPBACK
    url = f"ws{'s' if is_tls(environment) else ''}://{THIS_MACHINE if host in EVERY else host}"
    return tuple(f"{url}:{port}" for port in ports)


def console_url(source: ServerSource, environment: Mapping[str, str], port: int) -> str:
    """Where a browser opens the operator's console, also one of another device that can."""
    host = _host_in_urls(host_names(source)[1], environment)
    if not host or host == "localhost":
        host = LOOPBACK
    scheme = "https" if is_tls(environment) else "http"
    return f"{scheme}://{THIS_MACHINE if host in EVERY else host}:{port}/console/"


def is_tls(environment: Mapping[str, str]) -> bool:
    """Whether the hub's ports speak TLS."""
    return bool(environment.get("CHARGELIGHT_GATEWAY_TLS_KEY"))


def certificate_names(address: str) -> tuple[str, ...]:
    """The names that others may use for the hub at an address: the machine's own, if it is all."""
    if not address:
        return ()
    if not ipaddress.ip_address(address).is_unspecified:
        return (address,)
    name, found = socket.gethostname(), set[str]()
    with contextlib.suppress(OSError):
        found = {str(each[4][0]).partition("%")[0] for each in socket.getaddrinfo(name, None)}
    return (name, *sorted(found))


def _is_reached(name: str, environment: Mapping[str, str]) -> bool:
    """Whether others reach what listens where this setting says; by default they do not."""
    host = environment.get(name, "").strip("[]")
    return bool(host) and not is_loopback(host)


def _host_in_urls(name: str, environment: Mapping[str, str]) -> str:
    host = environment.get(name, "").strip("[]")
    return f"[{host}]" if ":" in host else host


def _as_host(address: str, source: ServerSource) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        raise LocalHubError(
            f"ADDRESS is {address!r}: give an IP address of this machine, or 0.0.0.0 for all."
        ) from None
    # Compose tells the address from the port by the brackets.
    in_brackets = ip.version == 6 and source is ServerSource.CONTAINERS  # noqa: PLR2004
    return f"[{ip}]" if in_brackets else str(ip)
