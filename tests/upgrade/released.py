"""The code of the last release."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Annotated, Final, NoReturn

import msgspec
import pytest

from tests.fixtures.processes import ROOT

_PARTS: Final = ("services", "shared", "CHANGELOG.md", ".env.example")
FILE: Final = Path(__file__).with_name("released.toml")


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version, and the commit that it was released from."""

    version: str
    commit: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")]


class NotHereError(Exception):
    """The code of a release is not available; the message says why."""


def last_release(file: Path = FILE) -> Release:
    """Return the last release."""
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Release)


def skip_without(error: NotHereError) -> NoReturn:
    """Skip the test, or fail it where the release must be there."""
    if os.environ.get("CHARGELIGHT_TEST_RELEASE") == "required":
        pytest.fail(f"CHARGELIGHT_TEST_RELEASE is required, but: {error}")
    pytest.skip(str(error))


def unpack(release: Release, folder: Path, repository: Path = ROOT) -> None:
    """Put a release's services, changelog and list of settings into a folder.

    As an archive, not as a worktree: of those git keeps a list, and a run that is killed would
    leave its own in it.

    Raises:
        NotHereError: The commit is not in this clone, or there is no git.
    """
    archive = folder / "release.zip"
    command = ["git", "archive", f"--output={archive}", release.commit, *_PARTS]
    try:
        subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        raise NotHereError(
            f"{release.version} is not in this clone (a shallow one? git fetch --unshallow): "
            f"{error.stderr.strip()}"
        ) from None
    except FileNotFoundError:
        raise NotHereError(f"without git there is no {release.version}") from None
    shutil.unpack_archive(archive, folder)
    archive.unlink()
