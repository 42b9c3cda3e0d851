"""What another terminal must know of the hub: a file for its shell to read.

So no key is printed, where it would stay on the screen and in its history.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from tools.servers.credentials import write_secret


def write_settings(file: Path, settings: Mapping[str, str]) -> str:
    """Write a file that only its owner may read; return the command that reads it.

    Without settings there is no file, and no command.
    """
    file.unlink(missing_ok=True)
    if not settings:
        return ""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"export {name}={shlex.quote(text)}\n" for name, text in settings.items())
    write_secret(file, "".join(lines))
    return f". {shlex.quote(_as_typed(file))}"


def _as_typed(file: Path) -> str:
    path = os.path.relpath(file)
    return path if path.startswith("..") else f"./{path}"
