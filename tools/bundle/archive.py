"""The folder of a bundle: files, their sums, and the archive that it becomes."""

import hashlib
import shutil
import tarfile
from pathlib import Path

from tools.bundle.images import Build
from tools.supply.built_images import LOCKS

ROOT = Path(__file__).resolve().parents[2]
SUMS = "SHA256SUMS"
HUB = (
    ".env.example", "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "docker-compose.yml",
    "docs", "deploy/compose", "deploy/haproxy", "deploy/images.lock", "deploy/monitoring",
    "deploy/ready", "deploy/redis",
)  # fmt: skip
"""What the installed folder gets: what Compose reads and mounts, and the documents."""


def place_files(folder: Path, build: Build) -> None:
    """Put all that is neither an image nor a wheel into the folder of a bundle."""
    for name in HUB:
        target = folder / "hub" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            shutil.copy(ROOT / name, target)
    requirements = folder / "requirements"
    requirements.mkdir()
    for lock in LOCKS.values():
        shutil.copy(lock, requirements)
    shutil.copy(ROOT / "deploy/bundle/install", folder)
    about = f"VERSION={build.version}\nARCH={build.arch}\nCOMMIT={build.commit}\n"
    (folder / "about").write_text(about, "utf-8")


def write_sums(folder: Path) -> None:
    """List all files of a bundle with their SHA-256, as sha256sum reads it."""
    files = sorted(each for each in folder.rglob("*") if each.is_file() and each.name != SUMS)
    lines = [f"{sha256(path)}  ./{path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), "utf-8")


def pack(folder: Path, archive: Path) -> None:
    """Write the folder into an archive, which appears when it is whole."""
    half = archive.with_name(f"{archive.name}.half")
    with tarfile.open(half, "w:gz", compresslevel=6) as tar:
        tar.add(folder, folder.name, filter=_of_nobody)
    half.replace(archive)


def sha256(path: Path) -> str:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made the archive; everybody may read what is in it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode |= 0o755 if member.isdir() else 0o644
    return member
