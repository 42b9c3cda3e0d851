"""The images of a bundle: all that production starts, for the right machines."""

from pathlib import Path

import pytest

from tests.unit.test_architecture import SERVICES
from tools.bundle import images
from tools.bundle.commands import BundleError
from tools.bundle.images import MONITORING, PRODUCTION, Build

BUILD = Build("1.0", "c0ffee", "arm64")
# Notes what it was asked; an image is for the machines that a file of its name says.
DOCKER = """#!/bin/sh
echo "${DOCKER_DEFAULT_PLATFORM:-own} $*" >>notes
case "$1 $2" in
  "version "*) echo amd64 ;;
  "image inspect") for image in "$@"; do :; done; cat "$image" ;;
  "pull "*) echo "${PULLED:-arm64}" >"$3" ;;
  "build "*) echo arm64 >"$(echo "$*" | sed 's/.*--tag=//; s/ .*//')" ;;
esac"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(folder: Path) -> list[str]:
    return [line for line in (folder / "notes").read_text().splitlines() if " image " not in line]


def test_they_are_those_that_compose_starts() -> None:
    found = images.names("1.0", *PRODUCTION)
    own = [f"chargelight-{service}:1.0" for service in SERVICES]
    assert [name for name in found if name.startswith("chargelight-")] == own
    others = {name.partition(":")[0] for name in found if name not in own}
    assert others == {"haproxy", "postgres", "redis"}
    monitoring = set(images.names("1.0", *PRODUCTION, MONITORING)) - set(found)
    assert {name.partition(":")[0] for name in monitoring} > {"prom/prometheus"}


def test_a_cluster_needs_no_others() -> None:
    files = [f"deploy/compose/{name}.yml" for name in ("cluster", "monitoring-cluster")]
    monitored = images.names("1.0", *PRODUCTION, MONITORING)
    assert images.names("1.0", *PRODUCTION, files[0]) == images.names("1.0", *PRODUCTION)
    assert images.names("1.0", *PRODUCTION, MONITORING, *files) == monitored


def test_they_are_built_pulled_and_saved_for_the_machines_of_the_bundle(folder: Path) -> None:
    (folder / "redis:7-bookworm").write_text("amd64")
    images.save(["chargelight-cli:1.0", "redis:7-bookworm"], BUILD, folder / "images.tar")
    _, built, pulled, saved = asked(folder)
    assert built.startswith("linux/arm64 build ")
    assert "--build-arg SERVICE=cli --build-arg SOURCE_COMMIT=c0ffee" in built
    assert pulled == "linux/arm64 pull --quiet redis:7-bookworm"
    assert saved.endswith("images.tar chargelight-cli:1.0 redis:7-bookworm")


def test_what_is_here_is_not_pulled(folder: Path) -> None:
    (folder / "redis:7-bookworm").write_text("amd64")
    images.save(["redis:7-bookworm"], Build("1.0", "c0ffee", "amd64"), folder / "images.tar")
    assert [line.split()[:2] for line in asked(folder)] == [["own", "version"], ["own", "save"]]


def test_an_image_for_other_machines_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULLED", "amd64")
    with pytest.raises(
        BundleError, match="redis:7-bookworm is for amd64, and the bundle for arm64"
    ):
        images.save(["redis:7-bookworm"], BUILD, folder / "images.tar")
    assert " save " not in "".join(asked(folder))


def test_digests_count_where_they_are_known() -> None:
    digest = "sha256:" + "0" * 64
    lock = f"A=redis:7-bookworm@{digest}\nB=haproxy:2.6-bookworm@unresolved\n"
    assert dict(images.pinned_in(lock)) == {"redis:7-bookworm": f"redis:7-bookworm@{digest}"}
