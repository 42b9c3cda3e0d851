"""What images hold of others' work that no lock installs: files that a service serves."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_SERVICES = Path(__file__).resolve().parents[2] / "services"


class Vendored(NamedTuple):
    """Files of a release of something, as its authors published them."""

    name: str
    version: str
    licence: str
    integrity: str
    """Of the archive that they were taken from, as npm states it."""
    folder: str
    """Beside the list."""
    files: Mapping[str, str]
    """Their SHA-256, by their paths in the folder."""


def vendored_by(service: str) -> list[Vendored]:
    """Return what a service has."""
    return [
        Vendored(**each)
        for path in sorted((_SERVICES / service).rglob("vendored.json"))
        for each in json.loads(path.read_text("utf-8"))
    ]


def parts_of(service: str) -> list[dict[str, Any]]:
    """Return the same as components of a CycloneDX document."""
    return [
        {
            "type": "library",
            "name": each.name,
            "version": each.version,
            "purl": f"pkg:npm/{each.name}@{each.version}",
            "licenses": [{"expression": each.licence}],
        }
        for each in vendored_by(service)
    ]
