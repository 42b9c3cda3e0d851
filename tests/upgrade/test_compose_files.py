"""The release's services start with this version's Compose files, but for what is written down.

Who goes back with Compose keeps these files, since they fit the Redis that runs.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.fixtures.processes import ROOT
from tests.upgrade.released import NotHereError, last_release, skip_without, unpack

FILES: Final = ("docker-compose.yml", "deploy/compose/production.yml", "deploy/compose/cluster.yml")
SERVICES: Final = ("postgres-owner", "registry", "router", "gateway", "canary")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the release's settings."""
    folder = tmp_path_factory.mktemp("released")
    try:
        unpack(last_release(), folder)
    except NotHereError as error:
        skip_without(error)
    return set(re.findall(r"CHARGELIGHT_\w+", (folder / ".env.example").read_text("utf-8")))


def given(file: Path) -> Iterator[str]:
    """Yield the settings that a file gives to services, whatever the operator sets."""
    services = yaml.safe_load(file.read_text("utf-8"))["services"]
    for service in SERVICES:
        for name, value in services.get(service, {}).get("environment", {}).items():
            if value is not None and name.startswith("CHARGELIGHT_"):
                yield name.removesuffix("_FILE")


@pytest.mark.parametrize("name", FILES)
def test_what_to_take_out_before_going_back_is_in_the_changelog(known: set[str], name: str) -> None:
    assert len(known) > 50
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    (steps,) = re.findall(
        r"^### Updating from [\d.]+\n(.*?)^### Added", changelog, re.MULTILINE | re.DOTALL
    )
    (step,) = re.findall(r"^\d\. \*\*Going back with Compose\*\*(.*)$", steps, re.MULTILINE)
    new = set(given(ROOT / name)) - known
    assert new == {
        one for one, file in re.findall(r"`(\w+)` from `([\w.]+)`", step) if name.endswith(file)
    }
