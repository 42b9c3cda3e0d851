"""URLs in settings. They may hold a password, so no error quotes any part of one."""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_BROKEN_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")

_ENCODE: Final = (
    "in a user name or password, write / as %2F, ? as %3F, # as %23, @ as %40, [ as %5B, ] as %5D "
    "and % as %25"
)


class WrongUrlError(ValueError):
    """The text is no URL that can be used; says why, and quotes no part of it."""


def split_url(text: str, schemes: Collection[str]) -> SplitResult:
    """Split a URL of one host, or of several that commas separate (RFC 3986, section 3).

    Libraries make something else of a URL with a raw special character in it: a part of the
    password becomes the host. So nothing is guessed here.

    Raises:
        WrongUrlError: It is none of these ``schemes``, or it could be read in two ways.
    """
    scheme, _, rest = text.partition("://")
    if scheme not in schemes:
        allowed = " or ".join(f"{each}://" for each in sorted(schemes))
        raise WrongUrlError(f"it must begin with {allowed}")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise WrongUrlError("it has a space, a line break or another invisible character in it")
    _check_encoding(rest)
    try:
        parts = urlsplit(text)
        hosts = [urlsplit(f"//{host}") for host in hosts_of(parts)]
    except ValueError:
        # Without its text, which quotes the URL.
        raise WrongUrlError(f"its host cannot be read; {_ENCODE}") from None
    for host in hosts:
        _check_port(host)
    return parts


def hosts_of(parts: SplitResult) -> list[str]:
    """Return the hosts of a URL, each with its port if it has one."""
    return parts.netloc.rpartition("@")[2].split(",")


def _check_encoding(rest: str) -> None:
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    user, after = authority.rpartition("@")[0], rest[len(authority) :]
    if (
        _BROKEN_PERCENT.search(rest)
        or any(character in user for character in "@[]")
        or any(character in after for character in "@#")
    ):
        raise WrongUrlError(f"it has one of / ? # @ [ ] % where a URL has none; {_ENCODE}")
    try:
        decoded = unquote(rest, errors="strict")
    except UnicodeDecodeError:
        raise WrongUrlError("what it writes with % is not UTF-8") from None
    if "\0" in decoded:
        raise WrongUrlError("it has %00 in it, a character that no name or password has")


def _check_port(host: SplitResult) -> None:
    try:
        port = host.port
    except ValueError:
        port = 0
    if port == 0:
        raise WrongUrlError("its port is no number from 1 to 65535")
