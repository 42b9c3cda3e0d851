"""Who may use the servers that we start: two users, with passwords drawn for this process.

All servers of a process know the same two, so that one can take another one's place. Every user of
a machine can read command lines, so a password goes into a file of mode 0600 or an environment
variable, and nowhere else.
"""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Login:
    """A user's name and password; both need no encoding in a URL."""

    name: str
    password: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)

    def at(self, host: str) -> str:
        """What a URL has between ``://`` and the next ``/`` for this user."""
        return f"{self.name}:{self.password}@{host}"


SERVICES = Login("chargelight")
"""The hub's services, and a person who looks inside: no superuser."""

ADMIN = Login("admin")
"""Ourselves, and tests that do what only a superuser may."""


def write_secret(file: Path, text: str, owner: tuple[int, int] | None = None) -> None:
    """Write a new file that only its owner can read; ``owner``: (user id, group id) if not us.

    Raises:
        FileExistsError: the file exists.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        if owner is not None:
            os.fchown(descriptor, *owner)
        opened.write(text)
