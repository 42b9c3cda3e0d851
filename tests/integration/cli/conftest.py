"""The command line as a process, pointed at a registry as a process."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fixtures.hub import Hub, StartHub
from tests.fixtures.processes import ROOT

BOOTSTRAP_KEY = "a-bootstrap-key-of-32-characters"

CREDENTIAL_KEY = "a-credential-key-of-32-characters-or-more"


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    output: str
    errors: str


Chargelight = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def registry(hub: StartHub) -> Hub:
    return await hub(gateways=0, routers=0)


@pytest.fixture
async def guarded(hub: StartHub) -> Hub:
    """A registry that asks for keys, and keeps secrets."""
    settings = {
        "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
        "CHARGELIGHT_REGISTRY_ADMIN_KEY": BOOTSTRAP_KEY,
        "CHARGELIGHT_CREDENTIAL_KEY": CREDENTIAL_KEY,
    }
    return await hub(gateways=0, routers=0, settings=settings)


async def start(
    *arguments: str, url: str, settings: Mapping[str, str] | None = None, **streams: Any
) -> Process:
    """Start the program; its settings are what is given here and no others."""
    others = {name: value for name, value in os.environ.items() if "CHARGELIGHT" not in name}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *arguments),
        cwd=ROOT,
        env={
            **others,
            "CHARGELIGHT_CLI_URL": url,
            "COLUMNS": "80",
            "XDG_CONFIG_HOME": "/nowhere",
            **(settings or {}),
        },
        **{"stdin": DEVNULL, "stdout": PIPE, "stderr": PIPE, **streams},
    )


async def ended(process: Process, given: bytes | None = None) -> Ran:
    """Return how it ended; with a traceback it must not."""
    try:
        async with asyncio.timeout(60):
            output, errors = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    assert b"Traceback" not in (errors or b"")
    return Ran(process.returncode, (output or b"").decode(), (errors or b"").decode())


def chargelight_at(url: str, **settings: str) -> Chargelight:
    """Return the program with these settings."""

    async def run(*arguments: str, given: bytes | None = None) -> Ran:
        stdin = DEVNULL if given is None else PIPE
        return await ended(await start(*arguments, url=url, settings=settings, stdin=stdin), given)

    return run
