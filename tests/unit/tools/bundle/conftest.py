"""A bundle without real images, and a machine that it is installed on."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.bundle import archive
from tools.bundle.images import Build

ROOT = Path(__file__).resolve().parents[4]
MakeBundle = Callable[[str], Path]

# What a machine has: each notes what it was asked. The operator's command line is the real one,
# also in a container, which has the hub's folder as /hub.
PROGRAMS = {
    "uname": 'echo "${MACHINE:-x86_64}"',
    "docker-compose": "exit 0",
    "python3": """case "$*" in
  -c*) echo 312 ;;
  --version) echo "Python 3.12.1" ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$(dirname "$0")/chargelight" "$3/bin" &&
    mv "$3/bin/python3" "$3/bin/python" ;;
  *) echo "$@" >>"$NOTES" ;;
esac""",
    "chargelight": f'cd {ROOT} && exec {sys.executable} -m services.cli "$@"',
    "docker": """echo "$@" >>"$NOTES"
case "$*" in
  "compose version") exit 1 ;;
  *" ca "*) "$(dirname "$0")/chargelight" $(echo "$*" | sed "s#.* ca #ca #; s# /hub/# $HUB/#") ;;
  *"--entrypoint sh"*) while [ "$1" != -c ]; do shift; done
    # Not to 10001:99: only root may give a file away.
    sh -c "$2" sh "$HUB" "$5" "$6" "$(id -u)" ;;
esac""",
}


class Machine:
    """Where bundles are installed, into the folder `hub`."""

    def __init__(self, folder: Path) -> None:
        self.hub = folder / "hub"
        self._programs = folder / "bin"
        self._notes = folder / "notes"
        self._programs.mkdir(parents=True)
        for name, text in PROGRAMS.items():
            (self._programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (self._programs / name).chmod(0o755)

    def without(self, program: str) -> None:
        (self._programs / program).write_text("#!/bin/sh\nexit 1\n")

    def install(self, bundle: Path, *arguments: str, machine: str = "x86_64") -> tuple[int, str]:
        """Return the exit code, and what was printed."""
        ended = subprocess.run(
            [bundle / "install", *(arguments or (str(self.hub), "hub.example.org"))],
            env={
                "PATH": f"{self._programs}:{os.environ['PATH']}",
                "NOTES": str(self._notes),
                "HUB": str(self.hub),
                "MACHINE": machine,
            },
            cwd=self._programs.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout

    def asked(self) -> list[str]:
        """Return what Docker, or the programs' Python, was asked to do, without what only looks."""
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        return [line for line in lines if line not in {"info", "compose version"}]

    def settings(self) -> dict[str, str]:
        lines = (self.hub / ".env").read_text().splitlines()
        found = dict(line.split("=", 1) for line in lines)
        assert len(found) == len(lines), "one of them is there twice"
        return found

    def secrets(self) -> dict[str, str]:
        return {path.name: path.read_text().strip() for path in (self.hub / "secrets").iterdir()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Return a function that makes the folder of a bundle of some version."""

    def make(version: str) -> Path:
        folder = tmp_path / f"chargelight-{version}-amd64"
        archive.place_files(folder, Build(version, "c0ffee", "amd64"))
        (folder / "images.tar").write_text("images")
        (folder / "wheels").mkdir()
        (folder / "wheels/left_pad-1.0-cp312-cp312-any.whl").write_text("a wheel")
        archive.write_sums(folder)
        return folder

    return make


@pytest.fixture
def bundle(make_bundle: MakeBundle) -> Path:
    return make_bundle("1.0")
