"""The archive of a bundle."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from shared.version import VERSION
from tests.unit.tools.bundle.conftest import Machine
from tools.bundle import archive, wheels
from tools.bundle.__main__ import main


def test_an_archive_unpacks_to_what_it_was_made_of(bundle: Path, tmp_path: Path) -> None:
    (bundle / "images.tar").chmod(0o600)
    made = tmp_path / "dist" / "bundle.tar.gz"
    made.parent.mkdir()
    archive.pack(bundle, made)
    assert [each.name for each in made.parent.iterdir()] == [made.name]
    with tarfile.open(made) as tar:
        assert {(each.uid, each.uname) for each in tar} == {(0, "")}
        tar.extractall(tmp_path / "unpacked", filter="data")
    unpacked = tmp_path / "unpacked" / bundle.name
    subprocess.run([unpacked / "install", "--check"], check=True)
    assert (unpacked / "images.tar").stat().st_mode & 0o444 == 0o444


def test_one_without_images_is_made_checked_and_installed(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(arch: str, folder: Path) -> None:
        folder.mkdir()
        (folder / f"left_pad-1.0-cp312-cp312-{arch}.whl").touch()

    monkeypatch.setattr(wheels, "download", download)
    words = ["--without-images", "--arch=amd64", f"--folder={tmp_path / 'dist'}"]
    monkeypatch.setattr(sys, "argv", ["bundle", *words])
    assert main() == 0
    (made,) = (tmp_path / "dist").iterdir()
    assert made.name == f"chargelight-{VERSION}-amd64.tar.gz"
    with tarfile.open(made) as tar:
        tar.extractall(tmp_path, filter="data")
    bundle = tmp_path / made.name.removesuffix(".tar.gz")
    names = (str(machine.hub), "hub.example.org")
    code, printed = machine.install(bundle, *names)
    assert (code, "this bundle has no images: use --without-docker" in printed) == (1, True)
    assert machine.install(bundle, "--without-docker", *names)[0] == 0


def test_the_installed_files_are_all_that_compose_reads(bundle: Path) -> None:
    for file in (bundle / "hub/deploy/compose").glob("*.yml"):
        assert (archive.ROOT / "deploy/compose" / file.name).read_bytes() == file.read_bytes()
    assert not list(bundle.rglob("__pycache__"))
    assert {path.name for path in (bundle / "hub").iterdir()} == {
        ".env.example", "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md",
        "deploy", "docker-compose.yml", "docs",
    }  # fmt: skip
