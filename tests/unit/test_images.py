"""Images: which bases they have, and that they hold what their service imports and no more."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests.fixtures.image_contents import (
    copied_folders,
    imported_distributions,
    imported_folders,
    installed,
    locked,
    needed,
)
from tests.unit.test_architecture import SERVICES

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "deploy/images.lock"
RESOLVE = ROOT / "deploy/resolve-images"
LOCKS = sorted((ROOT / "deploy/requirements").glob("*.lock"))
PIN = r"^([\w.-]+)(?:\[.*\])?==(\S+)"
LOCKED = re.compile(r"^(CHARGELIGHT_COMPOSE_[A-Z_]+_IMAGE)=(.+)@", re.MULTILINE)
TAGS = dict(LOCKED.findall(LOCK.read_text()))
IMAGE = re.compile(r"^(?:\$\{(\w+):-)?(.+?)\}?$")
"""Groups: the variable, if there is one, and the tag."""
COMPOSE_FILES = [ROOT / "docker-compose.yml", *sorted((ROOT / "deploy/compose").glob("*.yml"))]
SEARCHED = {".py", ".yml", ".toml", ".sh", ".example", ""}


def used_images() -> set[tuple[str, str]]:
    """Return the images of the Compose files that are not built here, as (variable, tag)."""
    files = [yaml.safe_load(file.read_text())["services"] for file in COMPOSE_FILES]
    services = [service for file in files for service in file.values()]
    images = {service["image"] for service in services if "image" in service}
    images |= {each["build"]["args"]["PYTHON_IMAGE"] for each in services if "build" in each}
    others = (image for image in images if not image.startswith("chargelight-"))
    return {(variable, tag) for each in others for variable, tag in IMAGE.findall(each)}


def other_tags(text: str) -> set[str]:
    """Return the tags of locked images in a text that are not the locked ones; not ports."""
    names = "|".join(tag.split(":")[0] for tag in TAGS.values())
    found = re.findall(rf"(?<![\w./])(?:{names}):v?\d{{1,3}}\b[\w.-]*", text)
    return set(found) - set(TAGS.values())


def test_the_lock_of_images_lists_those_that_are_used_each_by_one_variable() -> None:
    assert used_images() == set(TAGS.items())
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    assert f"ARG PYTHON_IMAGE={TAGS['CHARGELIGHT_COMPOSE_PYTHON_IMAGE']}\n" in dockerfile
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${PYTHON_IMAGE}"}


def test_no_file_names_another_tag_of_an_image_than_the_lock() -> None:
    folders = ("deploy", "tools", "tests", ".github", ".ci")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    paths += [path for path in ROOT.iterdir() if path.is_file()]
    for path in paths:
        if path.suffix in SEARCHED and path != Path(__file__):
            assert other_tags(path.read_text("utf-8", "ignore")) == set(), path
    assert other_tags("redis:6 redis:7-bookworm redis://redis:6379/0") == {"redis:6"}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    copy = tmp_path / "images.lock"
    copy.write_text(LOCK.read_text())
    return copy


def resolve(lock: Path, docker: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = lock.with_name("docker")
    program.write_text(f"#!/bin/sh\n{docker}\n")
    program.chmod(0o755)
    environment = {"PATH": f"{lock.parent}:{os.environ['PATH']}", "IMAGES_LOCK": str(lock)}
    command = [str(RESOLVE), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_digests_are_resolved_and_then_pass_the_check_of_a_release(lock: Path) -> None:
    lock.write_text(re.sub(r"@.*", "@unresolved", lock.read_text()))
    refused = resolve(lock, "exit 1", "--check")
    assert refused.returncode == 1
    assert all(f"{tag}@unresolved" in refused.stderr for tag in TAGS.values())
    assert resolve(lock, f"echo sha256:{'0' * 64}").returncode == 0
    resolved = re.findall(r"=(.*)@sha256:0{64}$", lock.read_text(), re.MULTILINE)
    assert set(resolved) == set(TAGS.values())
    assert resolve(lock, "exit 1", "--check").returncode == 0


def test_a_digest_that_cannot_be_resolved_leaves_the_lock_as_it_is(lock: Path) -> None:
    before = lock.read_text()
    assert resolve(lock, "exit 1").returncode == 1
    assert lock.read_text() == before


def test_a_release_checks_the_digests_and_is_built_from_them() -> None:
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    steps = [step.get("run", "") for step in release["jobs"]["images"]["steps"]]
    builds = [number for number, step in enumerate(steps) if " build " in step]
    assert all("--env-file deploy/images.lock build" in steps[number] for number in builds)
    assert 0 < steps.index("deploy/resolve-images --check") < builds[0]
    bundles = release["jobs"]["bundles"]
    assert bundles["needs"] == "images", "they are made of the same digests"
    assert {"run": "make bundle"} in bundles["steps"]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_installs_what_its_service_imports(service: str) -> None:
    missing = imported_distributions(service) - installed(service, "3.11.9")
    assert not missing, f"add to the extra {service} of pyproject.toml, then compile the locks"


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_installs_nothing_that_its_service_does_not_import(service: str) -> None:
    lock = locked(service)
    unneeded = {entry.name for entry in lock} - needed(lock, imported_distributions(service))
    assert not unneeded, f"remove from the extra {service} of pyproject.toml"


def test_what_is_needed_is_imported_or_needed_by_what_is_imported() -> None:
    lock = {Requirement("a"): {"chargelight"}, Requirement("b"): {"a"}, Requirement("c"): {"b"}}
    assert needed(lock, {"a"}) == {"a", "b", "c"}
    assert needed(lock, {"b"}) == {"b", "c"}
    assert {entry.name for entry in locked("gateway")} - needed(
        locked("gateway"), imported_distributions("router")
    ) == {"websockets"}


def pins(lock: Path) -> set[tuple[str, str]]:
    return set(re.findall(PIN, lock.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_each_lock_has_the_versions_that_are_tested(lock: Path) -> None:
    tested = dict(pins(ROOT / "requirements-dev.lock"))
    known = {(name, version) for name, version in pins(lock) if name in tested}
    assert known
    assert known <= tested.items()
    assert lock.stem in {"supply", "validators"} or known == pins(lock)


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_the_folders_that_its_service_imports_and_no_other(service: str) -> None:
    assert copied_folders(service) == imported_folders(service)
