"""The images that are built: each is of one service, and installs that service's lock."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def _lock_of(service: str) -> Path:
    return ROOT / "deploy" / "requirements" / f"{service}.lock"


LOCKS: Final = {
    folder.name: _lock_of(folder.name)
    for folder in sorted((ROOT / "services").iterdir())
    if _lock_of(folder.name).is_file()
}
"""By service."""
