"""Rentals over REST: from hand-over to collection."""

import asyncio
import uuid
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from tests.integration.registry.by_rest import imported
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


@pytest.mark.parametrize(
    ("wish", "stays"),
    [
        ({}, True),
        ({"pairing": "keep"}, True),
        ({"pairing": "end"}, False),
        # The visitor has it: it must not show the next one's light.
        ({"widget_returned": False}, False),
    ],
)
async def test_an_imported_pair_stays_one_after_the_rental_or_the_answer_says_not(
    desk: Desk, registry: RunningRegistry, wish: dict[str, Any], *, stays: bool
) -> None:
    rows = "kind,id,widget\ncharger,c1,w1\n"
    assert (await imported(registry, rows))["paired"] == 1
    rental = await desk.open("c1")
    assert (rental["paired_before"], rental["pairing_kept"]) == (True, None)
    collected = await desk.collect(rental, **wish)
    assert collected["pairing_kept"] is stays
    assert (await desk.send("GET", "/pairings/c1")).status_code == (200 if stays else 404)
    assert await desk.collect(rental, **wish) == collected


async def test_a_pair_for_one_rental_ends_with_it(desk: Desk) -> None:
    await desk.said("PUT", "/pairings/c1", {"widget": "w2"})
    rental = await desk.open("c1", "w1", "?replace=true")
    assert rental["paired_before"] is False
    assert (await desk.collect(rental))["pairing_kept"] is False
    assert (await desk.send("GET", "/pairings/c1")).status_code == 404


async def test_a_fixed_pair_whose_broken_widget_was_replaced_stays_with_the_new_one(
    desk: Desk,
) -> None:
    await desk.said("PUT", "/pairings/c1", {"widget": "w1"})
    rental = await desk.open("c1")
    await desk.said("PUT", "/pairings/c1?replace=true", {"widget": "w2"})
    assert (await desk.collect(rental))["pairing_kept"] is True
    assert (await desk.said("GET", "/pairings/c1"))["widget"] == "w2"


async def test_of_two_that_are_no_pair_any_more_none_is_kept(desk: Desk) -> None:
    await desk.said("PUT", "/pairings/c1", {"widget": "w1"})
    rental = await desk.open("c1")
    await desk.send("DELETE", "/pairings/c1")
    assert (await desk.collect(rental))["pairing_kept"] is None


async def test_a_short_id_names_a_rental_in_the_audit_log_and_to_who_erases_it(desk: Desk) -> None:
    rental = await desk.open("c1", "w1", ticket="0815")
    await desk.collect(rental)
    short = rental["short_id"].lower()
    entries = (await desk.said("GET", f"/audit?subject={short}"))["items"]
    assert [entry["subject"] for entry in entries] == [rental["id"]] * 2
    wish = {"ticket": "0815", "rental": short}
    assert (await desk.said("POST", "/erasures?dry_run=true", wish))["rentals"] == 1
    for wrong in ("0815", 815):
        await desk.said("POST", "/erasures", wish | {"rental": wrong}, 422)
    assert (await desk.said("POST", "/erasures", wish | {"rental": None}))["rentals"] == 1
    await desk.refused("POST", "/erasures", wish, 404, "no-such-rental")


async def test_a_time_that_ends_before_it_begins_is_refused(desk: Desk) -> None:
    times = "since=2026-11-25T00:00:00Z&until=2026-11-24T00:00:00Z"
    for path in ("/summary", "/audit"):
        problem = await desk.said("GET", f"{path}?{times}", status=422)
        assert "2026-11-24T00:00:00Z is before since" in problem["detail"]


async def test_a_rental_is_found_by_its_short_id(desk: Desk) -> None:
    rental = await desk.open("c1", "w1")
    short = rental["short_id"]
    for spoken in (short, short.lower(), f"{short[:3]}-{short[3:]}", short.replace("0", "o")):
        assert await desk.said("GET", f"/rentals/{spoken}") == rental
    kept = await desk.said("PUT", f"/rentals/{short}/collection", {"widget_returned": False})
    assert (kept["id"], kept["collected_at"] is None) == (rental["id"], False)
    back = await desk.said("PUT", f"/rentals/{short}/widget-return", {})
    assert back["widget_returned_at"] is not None
    assert (await desk.said("GET", "/rentals"))["items"][0]["short_id"] == short
    missing = await desk.refused("GET", "/rentals/ZZZZZZ", None, 404, "no-such-rental")
    assert missing["detail"] == "there is no rental ZZZZZZ"
    wrong = await desk.said("GET", "/rentals/first", None, 422)
    assert "a UUID, or its short id of six letters and digits" in wrong["detail"]


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
        "TRUNCATE rentals CASCADE",
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
    await desk.open("c2", "w2", ticket=" É2 ")
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
    assert await desk.listed("ticket=e2") == ["c2"]
    assert await desk.listed("ticket=2") == []
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


async def test_an_evening_is_summed_up(desk: Desk, by_hand: By) -> None:
    """Three phones since 20:00, one of the day before; times to 80 and 100 % in minutes."""
    nothing = await desk.said("GET", "/summary")
    assert (nothing["rentals"], nothing["mean_seconds_to_80"]) == (0, None)
    opened = [await desk.open(f"c{number}", f"w{number}") for number in (1, 2, 3)]
    await desk.collect(opened[0])
    await desk.collect(opened[1], widget_returned=False)
    await by_hand.execute("UPDATE rentals SET opened_at = '2026-11-24T20:00:00Z'")
    for charger, to_80, to_100 in (("c1", 10, 30), ("c2", 20, None), ("c3", 60, 90)):
        await by_hand.execute(
            "UPDATE rentals SET reached_80_at = opened_at + make_interval(mins => %s),"
            " reached_100_at = opened_at + make_interval(mins => %s) WHERE charger_id = %s",
            (to_80, to_100, charger),
        )
    earlier = await desk.open("c1", "w1")
    await by_hand.execute(
        "UPDATE rentals SET opened_at = '2026-11-23T20:00:00Z' WHERE id = %s", (earlier["id"],)
    )
    evening = "since=2026-11-24T20:00:00Z&until=2026-11-25T04:00:00Z"
    assert await desk.said("GET", f"/summary?{evening}") == {
        "since": "2026-11-24T20:00:00Z",
        "until": "2026-11-25T04:00:00Z",
        "rentals": 3,
        "collected": 2,
        "not_collected": 1,
        "full_not_collected": 1,
        "widgets_missing": 1,
        "reached_80": 3,
        "mean_seconds_to_80": 1800,
        "median_seconds_to_80": 1200,
        "reached_100": 2,
        "mean_seconds_to_100": 3600,
        "median_seconds_to_100": 3600,
    }
    assert (await desk.said("GET", "/summary"))["rentals"] == 4


async def test_the_audit_log_has_hand_over_and_collection(desk: Desk) -> None:
    rental = await desk.open("c1", "w1", ticket="0815")
    await desk.collect(rental)
    audit = await desk.said("GET", f"/audit?kind=rental&subject={rental['id']}")
    collected, opened = audit["items"]
    assert (opened["action"], opened["details"]["ticket"]) == ("created", "0815")
    assert collected["action"] == "changed"
    assert set(collected["details"]) == {"collected_at", "pairing_kept", "widget_returned_at"}


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
