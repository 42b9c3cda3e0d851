"""The user that Postgres runs as when we are root, which it refuses to be.

Other programs may run as that user too. What keeps them away is a group that nobody else has: only
it gets into the folder, and Linux lets a process look into another one, through /proc or by
tracing, only if the groups are the same too (ptrace(2), "Ptrace access mode checking").
"""

import os
import pwd
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from tools.servers.installed import Programs
from tools.servers.wheels import NoServerError

USER = "nobody"
"""initdb needs a user with a name."""

GROUPS = range(61184, 65520)
"""Names are given to none of these: https://systemd.io/UIDS-GIDS/"""


def user_for_postgres() -> tuple[int, int] | None:
    """(user id, group id) to start Postgres as; None when we can start it as ourselves."""
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam(USER).pw_uid, secrets.choice(GROUPS)


def is_open_to_others(path: Path) -> bool:
    """Whether every user can reach this path: all folders above it let them through.

    An environment below root's home folder, for example, is closed to other users.
    """
    return all(
        folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents) if folder.is_dir()
    )


def temporary_folder(purpose: str, user: tuple[int, int] | None = None) -> Path:
    """A new folder for temporary files that only we can reach, and the group of the given user.

    The caller removes it.
    """
    place = Path(tempfile.gettempdir())
    if user is not None and not is_open_to_others(place):
        place = Path("/tmp")  # noqa: S108 - every user can reach it, and mkdtemp is safe there
    folder = Path(tempfile.mkdtemp(prefix=f"chargelight-{purpose}-", dir=place))
    if user is not None:
        os.chown(folder, -1, user[1])
        folder.chmod(0o770)
    return folder


def reachable_folder(programs: Programs, folder: Path) -> Path:
    """The folder of Postgres' programs, or a copy inside `folder` if others cannot reach it.

    Copied are the wheel's installation and, beside its package, the libraries that the programs
    look for by a relative path.

    Raises:
        NoServerError: other users cannot reach them, and they are not ours to copy.
    """
    if is_open_to_others(programs.folder):
        return programs.folder
    if not programs.ours:
        raise NoServerError(
            f"{programs.folder} is closed to other users, and Postgres cannot run as root. "
            "Open the folders on the way there (chmod o+x), or run this as another user."
        )
    installation, package = programs.folder.parent, programs.folder.parent.parent
    copy = folder / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return copy / programs.folder.name
