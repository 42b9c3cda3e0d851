"""Prometheus itself finds nothing to say about what the services serve."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from services.gateway.workers.combined_metrics import merge
from tests.fixtures.exposition import exposition_of
from tests.fixtures.promtool import find_promtool


@pytest.mark.parametrize("service", ["gateway", "router", "registry"])
async def test_promtool_finds_nothing_wrong_with_the_metrics(service: str) -> None:
    promtool = await asyncio.to_thread(find_promtool)
    if isinstance(promtool, str):
        pytest.skip(promtool)
    text = await exposition_of(service)
    assert await asyncio.to_thread(check, promtool, text) == (0, "", "")


async def test_nor_about_the_metrics_of_workers() -> None:
    promtool = await asyncio.to_thread(find_promtool)
    if isinstance(promtool, str):
        pytest.skip(promtool)
    text = (await exposition_of("gateway", 10)).encode()
    merged = merge({"1": text, "2": text}).decode()
    assert await asyncio.to_thread(check, promtool, merged) == (0, "", "")


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
