"""Secrets from files: ``NAME_FILE`` names the file that has the value of the setting ``NAME``.

Container engines and secret stores hand secrets over as files. Environment
variables are easier to read, for other users of a machine and for those who inspect a container.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SUFFIX: Final = "_FILE"
_MAX_CHARACTERS: Final = 64 * 1024


class SecretFileError(Exception):
    """A secret cannot be taken from its file; the text says what to change, without the secret."""


def secret_from(environment: Mapping[str, str], name: str) -> str:
    """Return a secret: the variable ``name``, or what is in its file; empty: neither is set.

    Raises:
        SecretFileError: Both are set, or the file has no secret.
    """
    value, path = environment.get(name, ""), environment.get(name + SUFFIX, "")
    if not path:
        return value
    if value:
        raise SecretFileError(f"{name} and {name}{SUFFIX} are both set: remove one of them")
    return read_secret(path, f"{name}{SUFFIX}")


def read_secret(path: str | Path, what: str) -> str:
    """Return the secret in a file, without white space around it; ``what`` names it in errors.

    Raises:
        SecretFileError: The file cannot be read, is empty, is no text of a secret's length, or
            others may change it. They may read it: in containers secrets are mounted so.
    """
    try:
        with Path(path).expanduser().open(encoding="utf-8") as file:
            text = file.read(_MAX_CHARACTERS + 1)
            mode = os.fstat(file.fileno()).st_mode
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SecretFileError(f"{what}: the file {path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise SecretFileError(f"{what}: the file {path} is no text") from error
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        raise SecretFileError(
            f"{what}: every user of this machine may change the file {path}. Type: chmod 600 {path}"
        )
    if len(text) > _MAX_CHARACTERS:
        raise SecretFileError(f"{what}: the file {path} is too long for a secret")
    if not text.strip():
        raise SecretFileError(f"{what}: the file {path} is empty")
    return text.strip()
