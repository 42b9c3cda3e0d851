"""Where the client libraries are installed: under .cache, once for each version of a lock file.

They stay out of the project's own environment, which has other versions of some of them. Newer
versions: `requirements.in` says how for Python; for Node, in its folder, `npm update
--package-lock-only --omit-lockfile-registry-resolved`.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "clients"
PYTHON_LOCK = HERE / "requirements.lock"

TIMEOUT_SECONDS = 240.0


def python_packages() -> Path:
    """Return a folder for PYTHONPATH, with what requirements.lock names."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-input", "--no-deps", "--only-binary", ":all:", "--no-compile"),
        *("--require-hashes", "--requirement", str(PYTHON_LOCK), "--target", "."),
    ]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return _installed(version, [PYTHON_LOCK], command)


def node_packages(name: str = "node") -> Path:
    """Return a folder for NODE_PATH, with what the package-lock.json of a folder here names."""
    # None of them needs the scripts that a package may run when it is installed.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    files = [HERE / name / "package-lock.json", HERE / name / "package.json"]
    return _installed(name, files, command) / "node_modules"


def _installed(name: str, files: Sequence[Path], command: Sequence[str]) -> Path:
    pinned = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    folder = CACHE / f"{name}-{pinned}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="partial-", dir=CACHE) as partial:
            _install(files, command, Path(partial) / name)
            # In one step: a folder under its final name is always complete.
            (Path(partial) / name).rename(folder)
    return folder


def _install(files: Sequence[Path], command: Sequence[str], folder: Path) -> None:
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder)
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
