"""Prometheus itself finds nothing to say about what the services serve."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.exposition import exposition_of
from tests.fixtures.promtool import find_promtool


@pytest.mark.parametrize("service", ["gateway", "router", "registry"])
async def test_promtool_finds_nothing_wrong_with_the_metrics(service: str) -> None:
    promtool = await asyncio.to_thread(find_promtool)
    if isinstance(promtool, str):
        pytest.skip(promtool)
    text = await exposition_of(service)
    assert await asyncio.to_thread(check, promtool, text) == (0, "", "")


def check(promtool: Path, text: str) -> tuple[int, str, str]:
    """Return its exit code, and what it says."""
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return checked.returncode, checked.stdout, checked.stderr
