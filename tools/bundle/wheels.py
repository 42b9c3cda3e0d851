"""The wheels, for an installation without Docker: what the services need, and the hub itself."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from packaging.markers import Marker

from tools.bundle.commands import run
from tools.supply.built_images import LOCKS

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
"""Those that the hub is tested on."""

_PLATFORMS = {
    arch: tuple(f"{tag}_{machine}" for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014"))
    for arch, machine in (("amd64", "x86_64"), ("arm64", "aarch64"))
}
"""By Docker's names: any Linux with glibc 2.28 or newer."""
_ENTRY = re.compile(r"^(\S+==\S+)(?: ; (.+?))? \\\n((?:    --hash=.*\n)+)", re.MULTILINE)
_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def requirements(locks: Iterable[str], python: str) -> str:
    """Return what the locks install on Linux with some Python, all of it once, without conditions.

    The first patch release counts, which needs the most: pip would go by the Python it runs on.
    """
    target = {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    entries = {
        name: f"{name} \\\n{hashes}"
        for lock in locks
        for name, condition, hashes in _ENTRY.findall(lock)
        if not condition or Marker(condition).evaluate(target)
    }
    return "".join(entries[name] for name in sorted(entries))


def download(arch: str, folder: Path) -> None:
    """Download the wheels that all locks of services name, and make the hub's own."""
    locks = [lock.read_text("utf-8") for lock in LOCKS.values()]
    folder.mkdir()
    with tempfile.TemporaryDirectory() as made:
        for python in PYTHONS:
            file = Path(made, f"{python}.txt")
            file.write_text(requirements(locks, python), "utf-8")
            platforms = [word for tag in _PLATFORMS[arch] for word in ("--platform", tag)]
            run(
                sys.executable, *_PIP, "download", "--no-deps", "--require-hashes",
                "--only-binary=:all:", "--implementation=cp", f"--python-version={python}",
                *platforms, f"--dest={folder}", f"--requirement={file}",
            )  # fmt: skip
        _make_own(Path(made, "hub"), folder)


def _make_own(source: Path, folder: Path) -> None:
    """Make the hub's wheel, from a copy: setuptools leaves files in its source."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("services", "shared"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ("--no-deps", "--no-build-isolation", f"--wheel-dir={folder}")
    run(sys.executable, *_PIP, "wheel", *options, str(source))
