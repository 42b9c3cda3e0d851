"""Ids that differ only in capitals: whoever types one for the other gets a hint."""

import pytest

from tests.integration.registry.by_rest import assert_problem, imported, registered
from tests.integration.registry.conftest import RunningRegistry


@pytest.mark.parametrize("kind", ["charger", "widget"])
async def test_an_id_in_other_capitals_gets_a_hint(registry: RunningRegistry, kind: str) -> None:
    assert "hint" not in await registered(registry, f"/{kind}s/aBc-1")
    for method, path, body in (
        ("GET", f"/{kind}s/ABC-1", None),
        ("PATCH", f"/{kind}s/ABC-1", {"label": "x"}),
        ("DELETE", f"/{kind}s/ABC-1", None),
        ("GET", f"/{kind}s/ABC-1/secret", None),
    ):
        problem = assert_problem(await registry.send(method, path, body), 404, "There is 'aBc-1'")
        assert problem["similar"] == "aBc-1"
    assert "similar" not in assert_problem(await registry.send("GET", f"/{kind}s/abd-1"), 404)
    assert "aBc-1" in (await registered(registry, f"/{kind}s/ABC-1"))["hint"]
    again = (await registry.send("PUT", f"/{kind}s/ABC-1", {"label": "x"})).json()
    assert "hint" not in again


async def test_a_pairing_with_an_id_in_other_capitals_gets_a_hint(
    registry: RunningRegistry,
) -> None:
    await registered(registry, "/chargers/c1")
    await registered(registry, "/widgets/wABCD")
    answer = await registry.send("PUT", "/pairings/c1", {"widget": "wabcd"})
    assert_problem(answer, 404, "There is 'wABCD'")
    for method, path in (("GET", "/pairings/C1"), ("DELETE", "/widgets/Wabcd/pairing")):
        assert_problem(await registry.send(method, path), 404, "is registered. There is ")
    assert_problem(await registry.send("GET", "/pairings/c1"), 404, "'c1' is not paired")


async def test_an_id_of_the_other_kind_is_told_to_be_one(registry: RunningRegistry) -> None:
    await registered(registry, "/chargers/c1")
    await registered(registry, "/widgets/w1")
    told = "no charger with the id 'w1' is registered. It is the id of a widget"
    for method, path in (("GET", "/chargers/w1"), ("DELETE", "/pairings/w1")):
        assert_problem(await registry.send(method, path), 404, told)
    answer = await registry.send("PUT", "/widgets/c1/pairing", {"charger": "w1"})
    assert_problem(answer, 404, "It is the id of a ")


async def test_the_explanation_of_an_id_in_other_capitals_names_the_one_there_is(
    registry: RunningRegistry,
) -> None:
    await registered(registry, "/chargers/c1")
    for path in ("/explanations/C1", "/chargers/C1/explanation"):
        assert "There is c1: capitals" in (await registry.send("GET", path)).json()["remedy"]


async def test_an_import_tells_how_many_ids_differ_from_others_only_in_capitals(
    registry: RunningRegistry,
) -> None:
    await registered(registry, "/chargers/c1")
    would = await imported(registry, "kind,id\ncharger,C1\n", dry_run=True)
    assert would["similar"] == 1
    assert "similar_devices" not in would, "its outcomes have them"
    did = await imported(registry, "kind,id\ncharger,C1\ncharger,c2\nwidget,c1\n")
    assert did["similar"] == 1
    assert did["similar_devices"] == [{"kind": "charger", "id": "C1", "similar": "c1"}]


async def test_an_import_names_the_first_of_many_ids_that_differ_only_in_capitals(
    registry: RunningRegistry,
) -> None:
    small, large = ("".join(f"widget,{letter}{n:02}\n" for n in range(25)) for letter in "wW")
    assert "similar_devices" not in await imported(registry, f"kind,id\n{small}")
    did = await imported(registry, f"kind,id\n{large}")
    assert did["similar"] == 25
    assert len(did["similar_devices"]) == 20
    assert did["similar_devices"][0] == {"kind": "widget", "id": "W00", "similar": "w00"}
