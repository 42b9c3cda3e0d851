"""A file of files for remote support, without secrets."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from services.cli.failures import RefusedError, UnreachableError

_LEAST_SECRET: Final = 8
"""Characters; a shorter text is a part of too many words."""

_NAMES: Final = re.compile("KEY|SECRET|PASSWORD|TOKEN|REDISCLI|CHANNELS|WEBHOOKS|_URL|_DSN")
_URL: Final = re.compile(r"\w+://")

_HIDDEN: Final = "(hidden)"
_SHAPES: Final = (
    # An API key: what stands before the second underscore is its id, and no secret.
    (re.compile(r"\b(clk_[0-9A-Za-z]+_)[\w-]+"), rf"\1{_HIDDEN}"),
    # User and password of a URL, whatever characters are in it.
    (re.compile(r"(\w://)\S*@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"\b((?:Bearer|Basic)\s+)[^\s\"',]+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    # Where alerts go: a token may be anywhere in it.
    (
        re.compile(r"((?:notify_channels|webhooks)\\?[\"']?\s*[=:]\s*)\S.*", re.IGNORECASE),
        rf"\1{_HIDDEN}",
    ),
    (
        re.compile(r"\b(?!(?:https?|wss?|rediss?|postgres\w*|unix|file):)([a-z]\w*://)[^\s\"',]+"),
        rf"\1{_HIDDEN}",
    ),
    # A member, a setting or a column that is named after what it holds.
    (
        re.compile(
            r"((?:secret|password|passwd|token|ticket|rediscli_auth|"
            r"(?:admin|credential|api|canary|cli|simulator)_key)"
            r"\\?[\"']?\s*[=:]\s*)(?:\\?\"[^\"]*\"?|'[^']*'?|[^\s,;}]+)",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*"), rf"\1{_HIDDEN}"),
)


def without_secrets(text: str, known: Mapping[str, str]) -> str:
    """Return a text with what is secret in it hidden.

    Args:
        text: A log, an answer, whatever.
        known: Environment variables. The values of those that are named after secrets are
            hidden wherever they stand.
    """
    for name, value in known.items():
        for secret in _secrets_in(name, value):
            if len(secret) >= _LEAST_SECRET:
                text = text.replace(secret, _HIDDEN)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def _secrets_in(name: str, value: str) -> Iterator[str]:
    """Yield what must not be shown of an environment variable, the longest first."""
    if not _NAMES.search(name):
        return
    yield value
    if re.search("CHANNELS|WEBHOOKS", name):
        yield from value.split()
    if _URL.match(value):
        # Where it stands without its URL.
        password = value.partition("://")[2].rpartition("@")[0].partition(":")[2]
        yield from (password, unquote(password))


class Bundle:
    """Collects files, and what was not available.

    Args:
        known: Environment variables, see `without_secrets`.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.files: dict[str, str] = {}
        self.missing: list[str] = []

    def add(self, name: str, text: str) -> None:
        """Add a file."""
        self.files[name] = without_secrets(text, self._known)

    def attempt(self, name: str, make: Callable[[], str]) -> None:
        """Add a file, or note why it could not be made: the rest is all the more needed then."""
        try:
            self.add(name, make())
        except (RefusedError, UnreachableError) as error:
            self.missing.append(without_secrets(f"{name}: {error}", self._known))

    def zipped(self) -> bytes:
        """Return all of it as a zip file."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
            for name, text in self.files.items():
                file.writestr(name, text)
        return content.getvalue()
