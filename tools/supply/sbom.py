"""`make sbom`: writes a CycloneDX document (SBOM) for each image, and checks the licences.

A document lists what the image's lock installs and what is vendored, which is what the image holds,
and the base image.
What the base image holds is in the SBOM of those who publish it.

Exit code 1 if the licence of a part is not allowed.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from shared.version import VERSION
from tools.supply.built_images import LOCKS
from tools.supply.licences import refused
from tools.supply.vendored import parts_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dist" / "sbom"


def main() -> int:
    """Write all documents; print what is refused."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = [f"{service}: {part}" for service in LOCKS for part in refused(_write(service))]
    for line in found:
        print(f"licence not allowed: {line}", file=sys.stderr)
    if found:
        print("Replace it, or decide in tools/supply/licences.py.", file=sys.stderr)
    return 1 if found else 0


def _write(service: str) -> dict[str, Any]:
    document = _described(service, json.loads(_run("cyclonedx_py", *_LISTED, _installed(service))))
    text = json.dumps(document, indent=2)
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"the SBOM of {service} is no CycloneDX 1.6: {problem}")
    path = FOLDER / f"{service}.cdx.json"
    path.write_text(text + "\n")
    print(f"{path.relative_to(ROOT)}: {len(document['components'])} parts")
    return document


_LISTED = ("environment", "--output-reproducible", "--spec-version=1.6", "--output-format=JSON")


def _installed(service: str) -> str:
    """Install what the image installs into an environment of its own."""
    place, lock = ROOT / ".cache" / "sbom" / service, LOCKS[service]
    _run("venv", "--clear", "--without-pip", str(place))
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:")
    _run("pip", f"--python={place}/bin/python", "install", *options, f"--requirement={lock}")
    return str(place / "bin" / "python")


def _run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _described(service: str, document: dict[str, Any]) -> dict[str, Any]:
    """Say which image it is, and add the base image and what no lock installs."""
    image = {"type": "container", "name": f"chargelight-{service}", "version": VERSION}
    document["metadata"]["component"] = image
    lock = (ROOT / "deploy" / "images.lock").read_text()
    ((name, version),) = re.findall(r"_PYTHON_IMAGE=(.+?):(.+)", lock)
    document["components"].append({"type": "container", "name": name, "version": version})
    document["components"] += parts_of(service)
    return document


if __name__ == "__main__":
    sys.exit(main())
