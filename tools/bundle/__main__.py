"""Make the bundle: ``make bundle``, or ``python -m tools.bundle``."""

import argparse
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from shared.version import VERSION
from tools.bundle import archive, images, wheels
from tools.bundle.commands import BundleError
from tools.bundle.images import Build

ROOT = Path(__file__).resolve().parents[2]
_OWN = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def main() -> int:
    """Print what was made. Exit code 1 if it cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bundle",
        description="One archive with all that a site without internet needs.",
    )
    arch = _OWN.get(platform.machine())
    parser.add_argument(
        "--arch", choices=sorted(set(_OWN.values())), default=arch, required=arch is None,
        help="the machines it is for; here images of others take an engine that emulates them",
    )  # fmt: skip
    parser.add_argument("--monitoring", action="store_true", help="also what monitoring.yml needs")
    parser.add_argument("--without-images", action="store_true", help="not for Docker")
    parser.add_argument("--folder", type=Path, default=ROOT / "dist", help="where it is written")
    asked = parser.parse_args()
    build = Build(VERSION, _commit(), asked.arch)
    files = (*images.PRODUCTION, images.MONITORING) if asked.monitoring else images.PRODUCTION
    try:
        made = _make(build, [] if asked.without_images else images.names(VERSION, *files), asked)
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{made}: {made.stat().st_size / 1e6:.0f} MB")
    print(f"SHA-256 {archive.sha256(made)}")
    print("Tell it those who install the bundle, by another way than the bundle goes.")
    return 0


def _make(build: Build, saved: list[str], asked: argparse.Namespace) -> Path:
    name = f"chargelight-{build.version}-{build.arch}"
    asked.folder.mkdir(parents=True, exist_ok=True)
    # Not in /tmp, which may be memory.
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        folder = Path(made, name)
        folder.mkdir()
        archive.place_files(folder, build)
        print(f"{name}: wheels for Python {', '.join(wheels.PYTHONS)}")
        wheels.download(build.arch, folder / "wheels")
        if saved:
            print(f"{name}: {len(saved)} images")
            images.save(saved, build, folder / "images.tar")
        archive.write_sums(folder)
        target: Path = asked.folder / f"{name}.tar.gz"
        archive.pack(folder, target)
    return target


def _commit() -> str:
    command = ["git", "rev-parse", "HEAD"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
