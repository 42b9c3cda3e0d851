"""Labels over REST: which devices are on a page, and where its codes lead."""

import re

import pytest

from services.registry.desk import labels, qr
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry
from tests.integration.registry.test_access import send
from tests.integration.registry.test_booth_keys import fill, key_for


async def labelled(registry: RunningRegistry, query: str) -> list[str]:
    answer = await registry.send("GET", f"/labels?{query}")
    assert answer.status_code == 200, answer.text
    return re.findall("<h2>(.*?)</h2>", answer.text)


async def test_labels_are_of_the_devices_that_are_asked_for(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for device in ("c1", "c2", "c3"):
        await registry.send("PUT", f"/chargers/{device}", {"label": f"label of {device}"})
    await registry.send("PUT", "/widgets/w1", {})
    await registry.send("PUT", "/chargers/canary", {"canary": True})
    assert await labelled(registry, "kind=charger") == ["c1", "c2", "c3"]
    assert await labelled(registry, "kind=widget") == ["w1"]
    assert await labelled(registry, "kind=charger&q=OF+C2") == ["c2"]
    monkeypatch.setattr(labels, "MOST", 2)
    answer = await registry.send("GET", "/labels?kind=charger&q=c")
    (following,) = re.findall('<nav><a href="(.*?)"', answer.text)
    assert following == "?kind=charger&amp;q=c&amp;after=c2"
    assert await labelled(registry, "kind=charger&q=c&after=c2") == ["c3"]
    assert await labelled(registry, "kind=charger&ids=c3,+c1,c9,w1") == ["c1", "c3"]
    assert await labelled(registry, "kind=charger&ids=c3,c1&after=c1") == ["c3"]
    for wrong in ("", "?kind=charger&ids=c1%00", f"?kind=charger&ids={'c' * 8001}"):
        assert (await registry.send("GET", f"/labels{wrong}")).status_code == 422


async def test_codes_lead_to_where_the_request_went_or_to_where_it_says(
    registry: RunningRegistry,
) -> None:
    await registry.send("PUT", "/chargers/c1", {})
    for query, address in (("", registry.url), ("&address=https://hub.example/", None)):
        answer = await registry.send("GET", f"/labels?kind=charger{query}")
        expected = f"{address or 'https://hub.example'}/console/#/charger/c1"
        assert qr.svg_of(expected) in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


async def test_a_key_of_a_booth_prints_its_own(start_registry: StartRegistry, by_hand: By) -> None:
    await know_admin(by_hand)
    guarded = await start_registry(operator_auth="required")
    await fill(guarded)
    key = await key_for(guarded, "vera", "viewer", "own")
    page = await send(guarded, key, "GET", "/labels?kind=charger")
    assert re.findall("<h2>(.*?)</h2>", page.text) == ["own-charger", "own-spare-charger"]
    page = await send(guarded, ADMIN_KEY, "GET", "/labels?kind=charger&booth=far")
    assert re.findall("<h2>(.*?)</h2>", page.text) == ["far-charger", "far-spare-charger"]
