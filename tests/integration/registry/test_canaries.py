"""Canaries: devices of the hub itself, which operators do not meet."""

from uuid import uuid4

import pytest

from tests.integration.registry.conftest import RunningRegistry


@pytest.fixture
async def with_pairs(registry: RunningRegistry) -> RunningRegistry:
    """A registry with a pair of visitors and a pair of canaries."""
    for name, canary in (("a", False), ("bird", True)):
        for path in (f"/chargers/{name}", f"/widgets/{name}"):
            answer = await registry.send("PUT", path, {"canary": canary})
            assert (answer.status_code, answer.json()["canary"]) == (201, canary)
        answer = await registry.send("PUT", f"/pairings/{name}", {"widget": name})
        assert answer.is_success
    return registry


@pytest.mark.parametrize(
    ("path", "key"),
    [("/chargers", "id"), ("/widgets", "id"), ("/pairings", "charger"), ("/state", "id")],
)
async def test_a_list_leaves_them_out_unless_it_is_asked_for_them(
    with_pairs: RunningRegistry, path: str, key: str
) -> None:
    for query, expected in (("", ["a"]), ("?canary=false", ["a"]), ("?canary=true", ["bird"])):
        items = (await with_pairs.send("GET", path + query)).json()["items"]
        assert [item[key] for item in items] == expected


async def test_an_export_and_the_counts_leave_them_out(with_pairs: RunningRegistry) -> None:
    exported = (await with_pairs.send("GET", "/export?format=jsonl")).text
    assert '"a"' in exported
    assert "bird" not in exported
    counts = (await with_pairs.send("GET", "/support")).json()["counts"]
    assert (counts["chargers"], counts["widgets"], counts["pairings"]) == (1, 1, 1)


async def test_explain_and_a_look_at_one_show_them(with_pairs: RunningRegistry) -> None:
    assert (await with_pairs.send("GET", "/chargers/bird")).json()["canary"] is True
    explained = (await with_pairs.send("GET", "/explanations/bird")).json()
    assert explained["title"] == "charger bird"
    assert any("with bird since" in finding["text"] for finding in explained["findings"])


async def test_no_phone_is_handed_over_to_one(with_pairs: RunningRegistry) -> None:
    for body in ({"charger": "bird"}, {"charger": "a", "widget": "bird"}):
        answer = await with_pairs.send("PUT", f"/rentals/{uuid4()}?replace=true", body)
        assert answer.status_code == 409, answer.text
        assert answer.json()["type"].endswith("canary")
    assert (await with_pairs.send("GET", "/rentals")).json()["items"] == []


@pytest.mark.parametrize(("charger", "widget"), [("a", "bird"), ("bird", "a")])
async def test_one_is_paired_only_with_another_one(
    with_pairs: RunningRegistry, charger: str, widget: str
) -> None:
    path = f"/pairings/{charger}?replace=true"
    answer = await with_pairs.send("PUT", path, {"widget": widget})
    assert answer.status_code == 409
    assert answer.json()["detail"] == "bird is a canary, which is paired only with another one"


async def test_no_file_changes_one(with_pairs: RunningRegistry) -> None:
    for line in ("charger,bird,x", "widget,bird,x"):
        answer = await with_pairs.client.post(
            f"{with_pairs.url}/import?replace=true",
            content=f"kind,id,label\n{line}\n",
            headers={"Content-Type": "text/csv"},
        )
        assert answer.status_code == 422
        assert "is a canary" in answer.text
    answer = await with_pairs.client.post(
        f"{with_pairs.url}/import?replace=true",
        content="kind,id,widget\ncharger,a,bird\n",
        headers={"Content-Type": "text/csv"},
    )
    assert "is a canary" in answer.text


async def test_a_device_is_one_from_its_registration_on_or_never(
    with_pairs: RunningRegistry,
) -> None:
    for name, other in (("a", True), ("bird", False)):
        answer = await with_pairs.send("PUT", f"/chargers/{name}", {"canary": other, "label": "x"})
        assert answer.status_code == 409
        found = (await with_pairs.send("GET", f"/chargers/{name}")).json()
        assert (found["canary"], found["label"]) == (not other, "")
    same = await with_pairs.send("PUT", "/chargers/bird", {"canary": True, "label": "x"})
    assert (same.status_code, same.json()["label"]) == (200, "x")
