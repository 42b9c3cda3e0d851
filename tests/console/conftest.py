"""One hub and one browser for all tests of the console."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.console.booth import Booth, open_booth
from tests.console.chromium import chromium
from tools.servers.postgres.server import Postgres


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def booth(
    # Before Postgres is started: without a browser, nothing is.
    browser: Browser,
    postgres_server: Postgres,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Booth]:
    assert browser.is_connected()
    async with open_booth(pytestconfig, postgres_server, tmp_path_factory.mktemp("hub")) as booth:
        yield booth
