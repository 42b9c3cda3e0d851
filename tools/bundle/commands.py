"""Programs that the bundle is made with."""

import os
import subprocess
from collections.abc import Mapping


class BundleError(Exception):
    """The bundle cannot be made; the message says why."""


def run(*command: str, **environment: str) -> str:
    """Run a program that shows what it does on standard error, and return its output.

    Raises:
        BundleError: It is not there, or failed.
    """
    try:
        ended = subprocess.run(
            command, env=_with(environment), stdout=subprocess.PIPE, text=True, check=False
        )
    except FileNotFoundError:
        raise BundleError(f"{command[0]} is missing") from None
    if ended.returncode:
        raise BundleError(f"it failed: {' '.join(command)}")
    return ended.stdout


def _with(environment: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **environment}
