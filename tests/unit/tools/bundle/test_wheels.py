"""The wheels of a bundle: what the locks install on the machine that it is for."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fixtures.image_contents import installed
from tests.unit.test_architecture import SERVICES
from tools.bundle import commands, wheels

HASHES = "    --hash=sha256:00 \\\n    --hash=sha256:01\n    # via chargelight\n"


def lock_of(*entries: str) -> str:
    return "# a comment\n" + "".join(f"{entry} \\\n{HASHES}" for entry in entries)


def names(text: str) -> list[str]:
    return [line.partition("==")[0] for line in text.splitlines() if "==" in line]


def test_each_requirement_is_there_once_with_its_hashes_and_without_its_condition() -> None:
    linux, windows = "a==1 ; sys_platform != 'win32'", "b==1 ; sys_platform == 'win32'"
    found = wheels.requirements([lock_of(linux, windows), lock_of("c[d]==2", linux)], "3.12")
    hashes = "    --hash=sha256:00 \\\n    --hash=sha256:01\n"
    assert found == f"a==1 \\\n{hashes}c[d]==2 \\\n{hashes}"


@pytest.mark.parametrize(("python", "expected"), [("3.11", ["a", "b"]), ("3.12", ["a"])])
def test_what_only_an_older_python_needs_is_there_for_it(python: str, expected: list[str]) -> None:
    lock = lock_of("a==1", "b==1 ; python_full_version < '3.11.3'")
    assert names(wheels.requirements([lock], python)) == expected


@pytest.mark.parametrize("python", wheels.PYTHONS)
def test_all_that_services_install_is_there(python: str) -> None:
    folder = wheels.ROOT / "deploy/requirements"
    locks = [(folder / f"{service}.lock").read_text("utf-8") for service in SERVICES]
    found = {name.partition("[")[0] for name in names(wheels.requirements(locks, python))}
    # Debian 12 has Python 3.11.2.
    assert found >= set().union(*(installed(service, f"{python}.2") for service in SERVICES))


def test_pip_is_asked_for_each_python_and_the_machine_of_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run(*command: str, **_: Mapping[str, str]) -> str:
        asked.append(" ".join(command[5:]))
        return ""

    monkeypatch.setattr(wheels, "run", run)
    wheels.download("arm64", tmp_path / "wheels")
    *downloads, own = asked
    for python, line in zip(wheels.PYTHONS, downloads, strict=True):
        assert f"--python-version={python} " in line
        assert "--require-hashes --only-binary=:all:" in line
        assert "_aarch64" in line
        assert "x86_64" not in line
    assert own.startswith("wheel --no-deps ")


def test_the_hubs_own_wheel_has_every_file_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*command: str) -> str:
        return commands.run(*command) if "wheel" in command else ""

    monkeypatch.setattr(wheels, "run", run)
    wheels.download("amd64", tmp_path / "wheels")
    (own,) = (tmp_path / "wheels").iterdir()
    with zipfile.ZipFile(own) as archive:
        found = set(archive.namelist())
    paths = [path for name in ("services", "shared") for path in (wheels.ROOT / name).rglob("*")]
    files = [path.relative_to(wheels.ROOT) for path in paths if path.is_file()]
    assert {str(path) for path in files if "__pycache__" not in path.parts} - found == set()
