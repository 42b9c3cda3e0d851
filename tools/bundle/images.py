"""The images: built, looked at, saved."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.bundle.commands import BundleError, run

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = ("docker-compose.yml", "deploy/compose/production.yml")
MONITORING = "deploy/compose/monitoring.yml"

_IMAGE = re.compile(r"^ +image: (\S+)$", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
_OWN = "chargelight-"

Platform = Mapping[str, str]
"""The variable that tells Docker which machines to work for, where it is not the engine's own."""


@dataclass(frozen=True, slots=True)
class Build:
    """What is built: the version, its commit, and the architecture by Docker's name."""

    version: str
    commit: str
    arch: str


def names(version: str, *files: str) -> list[str]:
    """Return the images of Compose files, as they are called where no setting names others."""

    def value(found: re.Match[str]) -> str:
        return version if found[1] == "CHARGELIGHT_COMPOSE_TAG" else found[2]

    texts = [(ROOT / file).read_text("utf-8") for file in files]
    return sorted({_VARIABLE.sub(value, name) for text in texts for name in _IMAGE.findall(text)})


def save(images: list[str], build: Build, file: Path) -> None:
    """Build our images, have the others here, and write all into a file.

    Raises:
        BundleError: One of them is not available, or is for other machines.
    """
    own = run("docker", "version", "--format", "{{.Server.Arch}}").strip()
    platform = {} if own == build.arch else {"DOCKER_DEFAULT_PLATFORM": f"linux/{build.arch}"}
    pinned = dict(pinned_in((ROOT / "deploy/images.lock").read_text("utf-8")))
    for image in images:
        if image.startswith(_OWN):
            _build(image, build, pinned, platform)
        else:
            _provide(image, pinned.get(image, image), build.arch, platform)
        if (found := _architecture(image)) != build.arch:
            raise BundleError(f"{image} is for {found}, and the bundle for {build.arch}")
    run("docker", "save", "--output", str(file), *images)


def pinned_in(lock: str) -> Iterator[tuple[str, str]]:
    """Yield images with the same image and its digest, where that is known."""
    for tagged, digest in re.findall(r"^\w+=(\S+)(@sha256:[0-9a-f]{64})$", lock, re.MULTILINE):
        yield tagged, tagged + digest


def _build(image: str, build: Build, pinned: Mapping[str, str], platform: Platform) -> None:
    service = image.removeprefix(_OWN).partition(":")[0]
    arguments = {"SERVICE": service, "SOURCE_COMMIT": build.commit}
    if bases := [to for base, to in pinned.items() if base.startswith("python:")]:
        arguments["PYTHON_IMAGE"] = bases[0]
    words = [word for each in arguments.items() for word in ("--build-arg", "=".join(each))]
    file = f"--file={ROOT / 'deploy/Dockerfile'}"
    run("docker", "build", "--quiet", file, *words, f"--tag={image}", str(ROOT), **platform)


def _provide(image: str, source: str, arch: str, platform: Platform) -> None:
    """Have an image of others here, from the registry if need be."""
    if _architecture(source) != arch:
        run("docker", "pull", "--quiet", source, **platform)
    if source != image:
        run("docker", "tag", source, image)


def _architecture(image: str) -> str:
    """Return which machines an image is for; nothing if it is not here."""
    command = ["docker", "image", "inspect", "--format", "{{.Architecture}}", image]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
