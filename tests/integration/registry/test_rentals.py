"""Rentals over REST: from hand-over to collection."""

import asyncio
import uuid
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry
from tests.integration.registry.in_redis import InRedis


class Desk:
    """The people at a booth's desk, and the registry they use."""

    def __init__(self, registry: RunningRegistry) -> None:
        self.registry = registry

    async def send(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self.registry.send(method, path, body)

    async def said(
        self, method: str, path: str, body: object = None, status: int = 200
    ) -> dict[str, Any]:
        response = await self.send(method, path, body)
        assert response.status_code == status, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def register(self, *ids: str) -> None:
        """Register chargers (c…) and widgets (w…)."""
        for device in ids:
            kind = "chargers" if device.startswith("c") else "widgets"
            await self.send("PUT", f"/{kind}/{device}", {})

    async def open(
        self, charger: str, widget: str | None = None, query: str = "", **more: object
    ) -> dict[str, Any]:
        wish = {"charger": charger, **({"widget": widget} if widget else {}), **more}
        return await self.said("PUT", f"/rentals/{uuid.uuid4()}{query}", wish, 201)

    async def collect(self, rental: dict[str, Any], **wish: object) -> dict[str, Any]:
        return await self.said("PUT", f"/rentals/{rental['id']}/collection", wish)

    async def refused(
        self, method: str, path: str, body: object, status: int, kind: str
    ) -> dict[str, Any]:
        problem = await self.said(method, path, body, status)
        assert problem["type"] == f"urn:chargelight:problem:{kind}", problem
        return problem

    async def listed(self, query: str = "") -> list[str]:
        page = await self.said("GET", f"/rentals?{query}")
        return [rental["charger"] for rental in page["items"]]


@pytest.fixture
async def desk(registry: RunningRegistry) -> Desk:
    desk = Desk(registry)
    await desk.register("c1", "c2", "c3", "w1", "w2", "w3")
    return desk


def new_path() -> str:
    return f"/rentals/{uuid.uuid4()}"


async def test_a_rental_from_hand_over_to_collection(desk: Desk, in_redis: InRedis) -> None:
    path = new_path()
    wish = {"charger": "c1", "widget": "w1", "ticket": "0815"}
    opened = await desk.said("PUT", path, wish, 201)
    number = opened["pairing_number"]
    assert (opened["charger"], opened["widget"], opened["ticket"]) == ("c1", "w1", "0815")
    assert opened["projected"] is True
    assert (await in_redis.widget("w1")) == {"pairing": number, "charger": "c1"}
    never = ("reached_80_at", "reached_100_at", "collected_at", "widget_returned_at")
    assert [opened[name] for name in never] == [None] * 4
    assert await desk.said("GET", path) == opened

    collected = await desk.said("PUT", f"{path}/collection", {})
    assert collected["collected_at"] >= opened["opened_at"]
    assert collected["widget_returned_at"] is not None
    assert (await desk.send("GET", "/pairings/c1")).status_code == 404
    entry = await in_redis.widget("w1")
    assert entry is not None
    assert "charger" not in entry
    assert await desk.said("GET", path) == collected


async def test_handing_over_or_collecting_again_changes_nothing(desk: Desk) -> None:
    path, wish = new_path(), {"charger": "c1", "widget": "w1"}
    opened = await desk.said("PUT", path, wish, 201)
    assert await desk.said("PUT", path, wish) == opened
    assert await desk.said("PUT", path, {"charger": "c1"}) == opened
    collected = await desk.said("PUT", f"{path}/collection", {})
    await desk.open("c1", "w1")
    assert await desk.said("PUT", f"{path}/collection", {}) == collected
    assert await desk.said("PUT", path, wish) == collected
    assert (await desk.said("GET", "/pairings/c1"))["widget"] == "w1", "that of the next visitor"


async def test_an_id_stands_for_one_rental(desk: Desk) -> None:
    path = new_path()
    await desk.said("PUT", path, {"charger": "c1", "widget": "w1"}, 201)
    for other in (
        {"charger": "c2", "widget": "w2"},
        {"charger": "c1", "widget": "w2"},
        {"charger": "c1", "widget": "w1", "ticket": "7"},
    ):
        problem = await desk.refused("PUT", path, other, 409, "rental-exists")
        assert (problem["charger"], problem["widget"]) == ("c1", "w1")


async def test_a_fixed_pair_is_paired_anew_by_each_rental(desk: Desk, in_redis: InRedis) -> None:
    pairing = await desk.said("PUT", "/pairings/c1", {"widget": "w1"})
    first = await desk.open("c1")
    assert (first["widget"], first["pairing_number"]) == ("w1", pairing["pairing_number"] + 1)
    await in_redis.set_status("w1")
    await desk.collect(first, pairing="keep")
    kept = await desk.said("GET", "/pairings/c1")
    assert (kept["widget"], kept["pairing_number"]) == ("w1", first["pairing_number"] + 1)
    assert not await in_redis.has_status("w1"), "the phone is gone, and so is its light"
    second = await desk.open("c1")
    assert (second["widget"], second["pairing_number"]) == ("w1", kept["pairing_number"] + 1)


async def test_without_a_fixed_pair_the_widget_must_be_named(desk: Desk) -> None:
    await desk.refused("PUT", new_path(), {"charger": "c1"}, 409, "not-paired")


async def test_nobody_is_given_what_is_in_use(desk: Desk) -> None:
    rental = await desk.open("c1", "w1", ticket="0815")
    for charger, widget in (("c1", "w2"), ("c1", "w1"), ("c2", "w1")):
        for query in ("", "?replace=true"):
            wish = {"charger": charger, "widget": widget}
            problem = await desk.refused("PUT", new_path() + query, wish, 409, "rental-is-open")
            assert problem["rental"] == rental["id"]
            assert (problem["charger"], problem["widget"]) == ("c1", "w1")
            assert "0815" in problem["detail"]
            assert rental["id"] in problem["detail"]
    assert await desk.listed() == ["c1"]


async def test_a_pairing_in_the_way_ends_only_when_asked_to(desk: Desk) -> None:
    await desk.said("PUT", "/pairings/c2", {"widget": "w1"})
    wish = {"charger": "c1", "widget": "w1"}
    problem = await desk.refused("PUT", new_path(), wish, 409, "widget-is-paired")
    assert problem["charger"] == "c2"
    assert await desk.listed() == []
    await desk.open("c1", "w1", "?replace=true")
    assert (await desk.send("GET", "/pairings/c2")).status_code == 404


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"charger": "c9", "widget": "w1"}, 404),
        ({"charger": "c1", "widget": "w9"}, 404),
        ({"charger": "c9"}, 404),
        ({"charger": "c1", "widget": "a b"}, 422),
        ({"charger": "c1", "widget": "w1", "ticket": ""}, 422),
        ({"charger": "c1", "widget": "w1", "ticket": "x" * 65}, 422),
        ({"charger": "c1", "widget": "w1", "ticket": "a\nb"}, 422),
        ({"charger": "c1", "widget": "w1", "phone": "mine"}, 422),
        ({}, 422),
    ],
)
async def test_wrong_wishes_open_nothing(desk: Desk, wish: object, status: int) -> None:
    assert (await desk.send("PUT", new_path(), wish)).status_code == status
    assert await desk.listed() == []


async def test_what_is_no_rental_is_not_there(desk: Desk) -> None:
    path = new_path()
    await desk.refused("GET", path, None, 404, "no-such-rental")
    await desk.refused("PUT", f"{path}/collection", {}, 404, "no-such-rental")
    await desk.refused("PUT", f"{path}/widget-return", {}, 404, "no-such-rental")
    assert (await desk.send("GET", "/rentals/first")).status_code == 422


async def test_a_widget_that_was_kept_is_missing_until_it_comes_back(desk: Desk) -> None:
    rental = await desk.open("c1", "w1")
    path = f"/rentals/{rental['id']}/widget-return"
    early = await desk.refused("PUT", path, {}, 409, "no-widget-to-return")
    assert "not collected" in early["detail"]
    await desk.collect(rental, widget_returned=False)
    assert await desk.listed("widget_missing=true") == ["c1"]
    returned = await desk.said("PUT", path, {})
    assert returned["widget_returned_at"] is not None
    assert await desk.said("PUT", path, {}) == returned
    assert await desk.listed("widget_missing=true") == []
    assert await desk.listed("widget_missing=false") == ["c1"]


async def test_a_widget_that_is_handed_out_again_has_come_back(desk: Desk) -> None:
    rental = await desk.open("c1", "w1")
    await desk.collect(rental, widget_returned=False)
    await desk.open("c2", "w1")
    found = await desk.said("GET", f"/rentals/{rental['id']}")
    assert found["widget_returned_at"] is not None


async def test_collecting_again_may_bring_the_widget_back(desk: Desk) -> None:
    rental = await desk.open("c1", "w1")
    kept = await desk.collect(rental, widget_returned=False)
    assert kept["widget_returned_at"] is None
    assert (await desk.collect(rental))["widget_returned_at"] is not None


async def test_a_broken_widget_is_replaced_in_the_middle_of_a_rental(desk: Desk) -> None:
    rental = await desk.open("c1", "w1")
    await desk.said("PUT", "/pairings/c1?replace=true", {"widget": "w2"})
    assert (await desk.said("GET", f"/rentals/{rental['id']}"))["widget"] == "w2"
    await desk.open("c2", "w1")
    assert (await desk.collect(rental))["widget"] == "w2"


async def test_a_visitor_whose_widget_was_taken_has_none(desk: Desk) -> None:
    rental = await desk.open("c1", "w1")
    other = await desk.open("c2", "w2")
    await desk.said("PUT", "/pairings/c2?replace=true", {"widget": "w1"})
    assert (await desk.said("GET", f"/rentals/{rental['id']}"))["widget"] is None
    assert (await desk.said("GET", f"/rentals/{other['id']}"))["widget"] == "w1"
    collected = await desk.collect(rental)
    assert collected["widget_returned_at"] is None
    path = f"/rentals/{rental['id']}/widget-return"
    await desk.refused("PUT", path, {}, 409, "no-widget-to-return")
    assert await desk.listed("widget_missing=true") == []


async def test_a_widget_that_a_visitor_has_is_not_taken_unasked(
    desk: Desk, registry: RunningRegistry
) -> None:
    rental = await desk.open("c1", "w1", ticket="0815")
    await desk.send("DELETE", "/pairings/c1")
    for path, body in (
        ("/pairings/c3", {"widget": "w1"}),
        ("/widgets/w1/pairing", {"charger": "c3"}),
    ):
        problem = await desk.refused("PUT", path, body, 409, "rental-is-open")
        assert problem["rental"] == rental["id"]
        assert "?replace=true" in problem["detail"]
    imported = await registry.client.post(
        f"{registry.url}/import",
        content="kind,id,widget\ncharger,c3,w1\n",
        headers={"Content-Type": "text/csv"},
    )
    assert imported.status_code == 422
    assert "whose phone is in c1" in imported.json()["errors"][0]["problem"]
    assert (await desk.said("GET", f"/rentals/{rental['id']}"))["widget"] == "w1"
    await desk.said("PUT", "/pairings/c1", {"widget": "w1"})  # its own charger may have it back
    await desk.said("PUT", "/pairings/c3?replace=true", {"widget": "w1"})
    assert (await desk.said("GET", f"/rentals/{rental['id']}"))["widget"] is None


async def test_what_a_visitor_still_has_is_no_fixed_pair(desk: Desk) -> None:
    rental = await desk.open("c1", "w1")
    wish = {"pairing": "keep", "widget_returned": False}
    refused = await desk.send("PUT", f"/rentals/{rental['id']}/collection", wish)
    assert refused.status_code == 422
    assert "end the pairing" in refused.json()["detail"]
    await desk.collect(rental, pairing="end", widget_returned=False)
    assert (await desk.send("GET", "/pairings/c1")).status_code == 404


async def test_a_hand_over_may_be_repeated_after_its_widget_was_replaced(desk: Desk) -> None:
    path, wish = new_path(), {"charger": "c1", "widget": "w1"}
    await desk.said("PUT", path, wish, 201)
    await desk.said("PUT", "/pairings/c1?replace=true", {"widget": "w2"})
    assert (await desk.said("PUT", path, wish))["widget"] == "w2"


async def test_the_same_hand_over_at_once_is_one(desk: Desk) -> None:
    path, wish = new_path(), {"charger": "c1", "widget": "w1"}
    answers = await asyncio.gather(*(desk.send("PUT", path, wish) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]


async def test_a_phone_is_collected_though_nothing_tells_of_its_charger_any_more(
    desk: Desk, by_hand: By
) -> None:
    rental = await desk.open("c1", "w1")
    await desk.send("DELETE", "/chargers/c1")
    await by_hand.execute("DELETE FROM unregistered")
    assert (await desk.collect(rental))["collected_at"] is not None


async def test_a_rental_opened_by_hand_at_the_same_time_is_waited_for(
    desk: Desk, by_hand: By
) -> None:
    await desk.said("PUT", "/pairings/c1", {"widget": "w1"})
    async with by_hand.transaction():
        await by_hand.execute(
            "INSERT INTO rentals (id, charger_id, widget_id, pairing_number)"
            " VALUES (gen_random_uuid(), 'c1', 'w1', 7)"
        )
        opening = asyncio.create_task(desk.send("PUT", new_path(), {"charger": "c1"}))
        await asyncio.sleep(0.3)  # so that it waits for the lock
        assert not opening.done()
    assert (await opening).status_code == 409


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE rentals SET id = gen_random_uuid()",
        "UPDATE rentals SET charger_id = 'c2'",
        "UPDATE rentals SET pairing_number = 999",
        "TRUNCATE rentals",
    ],
)
async def test_what_would_go_past_the_rules_unseen_is_refused(
    desk: Desk, by_hand: By, change: LiteralString
) -> None:
    await desk.open("c1", "w1")
    with pytest.raises(psycopg.errors.RaiseException):
        await by_hand.execute(change)


async def test_widgets_swapped_by_hand_are_swapped_in_the_rentals_too(
    desk: Desk, by_hand: By
) -> None:
    first, second = await desk.open("c1", "w1"), await desk.open("c2", "w2")
    async with by_hand.transaction():
        await by_hand.execute("DELETE FROM pairings")
        await by_hand.execute(
            "INSERT INTO pairings (charger_id, widget_id) VALUES ('c1', 'w2'), ('c2', 'w1')"
        )
    assert (await desk.said("GET", f"/rentals/{first['id']}"))["widget"] == "w2"
    assert (await desk.said("GET", f"/rentals/{second['id']}"))["widget"] == "w1"


async def test_a_phone_can_be_collected_whatever_became_of_its_charger(desk: Desk) -> None:
    unpaired, unregistered = await desk.open("c1", "w1"), await desk.open("c2", "w2")
    await desk.send("DELETE", "/pairings/c1")
    await desk.send("DELETE", "/chargers/c2")
    await desk.send("DELETE", "/widgets/w2")
    for rental in (unpaired, unregistered):
        found = await desk.said("GET", f"/rentals/{rental['id']}")
        assert (found["widget"], found["collected_at"]) == (rental["widget"], None)
        collected = await desk.collect(rental, pairing="keep")
        assert collected["collected_at"] is not None
        assert collected["projected"] is True
    await desk.open("c1", "w1")


async def test_rentals_are_listed_by_what_people_look_for(desk: Desk, by_hand: By) -> None:
    first = await desk.open("c1", "w1", ticket="1")
    await desk.collect(first)
    await desk.open("c2", "w2", ticket="2")
    await desk.open("c3", "w3")
    await by_hand.execute(
        "UPDATE rentals SET reached_100_at = clock_timestamp() - interval '10 minutes'"
        " WHERE charger_id <> 'c3'"
    )
    assert await desk.listed() == ["c3", "c2", "c1"]
    assert await desk.listed("state=open") == ["c3", "c2"]
    assert await desk.listed("state=collected") == ["c1"]
    assert await desk.listed("charger=c2") == ["c2"]
    assert await desk.listed("widget=w3") == ["c3"]
    assert await desk.listed("ticket=1") == ["c1"]
    assert await desk.listed("charged_for_minutes=9") == ["c2"]
    assert await desk.listed("charged_for_minutes=11") == []
    assert await desk.listed("state=open&ticket=1") == []
    for wrong in ("state=lost", "charged_for_minutes=-1", "cursor=x", "charger=%00"):
        assert (await desk.send("GET", f"/rentals?{wrong}")).status_code == 422


async def test_pages_of_rentals_miss_none_and_repeat_none(desk: Desk) -> None:
    for _ in range(5):
        await desk.collect(await desk.open("c1", "w1"))
    found: list[str] = []
    query = "limit=2"
    while query:
        page = await desk.said("GET", f"/rentals?{query}")
        found += [rental["id"] for rental in page["items"]]
        query = f"limit=2&cursor={page['next']}" if page["next"] else ""
        await desk.collect(await desk.open("c2", "w2"))  # newer ones shift nothing
    assert len(found) == len(set(found)) == 5


async def test_the_audit_log_has_hand_over_and_collection(desk: Desk) -> None:
    rental = await desk.open("c1", "w1", ticket="0815")
    await desk.collect(rental)
    audit = await desk.said("GET", f"/audit?kind=rental&subject={rental['id']}")
    collected, opened = audit["items"]
    assert (opened["action"], opened["details"]["ticket"]) == ("created", "0815")
    assert collected["action"] == "changed"
    assert set(collected["details"]) == {"collected_at", "widget_returned_at"}


async def test_of_two_desks_that_hand_over_at_once_one_wins(start_registry: StartRegistry) -> None:
    desks = [Desk(await start_registry()) for _ in range(2)]
    await desks[0].register("c1", "c2", "w1")
    for _ in range(5):
        wishes = [{"charger": "c1", "widget": "w1"}, {"charger": "c2", "widget": "w1"}]
        answers = await asyncio.gather(
            *(desk.send("PUT", new_path(), wish) for desk, wish in zip(desks, wishes, strict=True))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        (won,) = [answer.json() for answer in answers if answer.status_code == 201]
        (lost,) = [answer.json() for answer in answers if answer.status_code == 409]
        assert (lost["rental"], lost["charger"]) == (won["id"], won["charger"])
        await desks[0].collect(won)
