"""Registering the canary's pair over REST."""

import json
import random
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.canary.registration import Registration, _RefusedError
from services.canary.settings import CanarySettings


class Registry:
    """Notes what it is asked, and answers as a registry does."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refuses = False
        self.refuses_secrets = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.method == "PUT"
        path = request.url.path
        self.asked.append((path, json.loads(request.content)))
        if self.refuses:
            return httpx.Response(403, json={"detail": "this needs the role operator"})
        if self.refuses_secrets and path.endswith("/secret"):
            return httpx.Response(503, json={"detail": "Postgres is away"})
        is_new = path not in self.known
        self.known.add(path)
        return httpx.Response(201 if is_new else 200, json={})


@pytest.fixture
def registry() -> Registry:
    return Registry()


async def register(registry: Registry, times: int = 1, **settings: Any) -> None:
    registration = Registration(
        CanarySettings(**settings), random.Random(1), httpx.MockTransport(registry.answer)
    )
    async with registration._client() as client:
        for _ in range(times):
            await registration.register(client)


async def test_both_devices_are_canaries_and_a_pair(registry: Registry) -> None:
    await register(registry)
    assert registry.asked == [
        ("/chargers/canary-charger", {"canary": True}),
        ("/widgets/canary-widget", {"canary": True}),
        ("/pairings/canary-charger", {"widget": "canary-widget"}),
    ]


async def test_a_secret_is_set_once_and_for_each_new_device(registry: Registry) -> None:
    registry.known.update({"/chargers/canary-charger", "/widgets/canary-widget"})
    await register(registry, times=2, secret="s" * 20)
    set_for = [path for path, body in registry.asked if "secret" in body]
    assert set_for == ["/chargers/canary-charger/secret", "/widgets/canary-widget/secret"]


async def test_a_secret_that_could_not_be_set_is_set_later(registry: Registry) -> None:
    registration = Registration(
        CanarySettings(secret=SecretStr("s" * 20)),
        random.Random(1),
        httpx.MockTransport(registry.answer),
    )
    async with registration._client() as client:
        await registration.register(client)
        registry.known.remove("/chargers/canary-charger")  # an operator unregistered it
        registry.refuses_secrets = True
        with pytest.raises(_RefusedError):
            await registration.register(client)
        registry.refuses_secrets = False
        registry.asked.clear()
        await registration.register(client)
    assert "/chargers/canary-charger/secret" in [path for path, _ in registry.asked]


async def test_why_it_is_refused_is_said(registry: Registry) -> None:
    registry.refuses = True
    with pytest.raises(_RefusedError, match=r"HTTP 403.*this needs the role operator"):
        await register(registry)
