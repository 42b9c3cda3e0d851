"""Watching a registry of the test's own."""

from contextlib import AbstractAsyncContextManager

from tests.fixtures.feed import Events, hearing
from tests.integration.registry.conftest import RunningRegistry


def watching(
    registry: RunningRegistry, path: str = "/live", key: str | None = None, **headers: str
) -> AbstractAsyncContextManager[Events]:
    """Watch while the context is open."""
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return hearing(registry.client, registry.url + path, headers)
