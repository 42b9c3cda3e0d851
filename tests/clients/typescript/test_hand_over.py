"""TypeScript: types made from the OpenAPI document, and a small client that uses them."""

import asyncio
import json
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.clients.environments import node_packages
from tests.fixtures.hub import StartHub

HERE: Final = Path(__file__).parent
SECONDS: Final = 240.0

KEY: Final = "a-bootstrap-key-of-32-characters"
GUARDED: Final = {
    "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
    "CHARGELIGHT_REGISTRY_ADMIN_KEY": KEY,
}


async def output_of(folder: Path, program: str, *arguments: str) -> str:
    """Run a program that must succeed, and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=folder, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with asyncio.timeout(SECONDS):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, printed.decode()
    return printed.decode()


@pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm on the PATH (of Node.js)")
async def test_a_typescript_client_with_types_of_the_document_does_a_hand_over(
    hub: StartHub, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(node_packages("typescript"))
    running = await hub(gateways=0, routers=0, settings=GUARDED)
    url, key = running.registry_url, await running.admin_key(KEY)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        document = await client.get(f"{url}/openapi.json")
    (tmp_path / "openapi.json").write_bytes(document.raise_for_status().content)
    for name in ("package.json", "tsconfig.json", "hand_over.ts"):
        shutil.copy(HERE / name, tmp_path)
    tools = tmp_path / "node_modules" / ".bin"
    made_from = ("openapi.json", "--output", "chargelight.ts")
    await output_of(
        tmp_path, f"{tools}/openapi-typescript", *made_from, "--default-non-nullable=false"
    )
    await output_of(tmp_path, f"{tools}/tsc")
    printed = await output_of(tmp_path, "node", "built/hand_over.js", url, key)
    assert json.loads(printed) == {
        "paired": "w1",
        "handedOver": ["c1", "w1", "0815", True],
        "refused": 409,
        "newPairing": True,
        "state": ["c1", False, "w1", None],
        "collected": True,
        "found": [True],
    }
