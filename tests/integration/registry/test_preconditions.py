"""Not overwriting what somebody else changed meanwhile: ETag, If-Match, If-None-Match."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.registry.by_rest import assert_problem, paired, registered
from tests.integration.registry.conftest import RunningRegistry
from tests.integration.registry.in_redis import InRedis

DEVICES = pytest.mark.parametrize("path", ["/chargers/x1", "/widgets/x1"])
PAIRINGS = pytest.mark.parametrize("path", ["/pairings/c1", "/widgets/w1/pairing"])

CHANGED = "urn:chargelight:problem:changed-meanwhile"
EXISTS = "urn:chargelight:problem:exists"


async def _send(
    registry: RunningRegistry, method: str, path: str, body: object = None, **headers: str
) -> httpx.Response:
    """Send a request; ``if_match`` becomes If-Match."""
    return await registry.client.request(
        method,
        registry.url + path,
        json=body,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


async def _seen(registry: RunningRegistry, path: str) -> str:
    """Look at something; return its tag."""
    answer = await registry.send("GET", path)
    assert answer.status_code == 200
    tag = answer.headers["etag"]
    assert tag.startswith('"')
    assert tag.endswith('"')
    return tag


async def _now(registry: RunningRegistry, path: str) -> tuple[int, Any]:
    answer = await registry.send("GET", path)
    return answer.status_code, answer.json()


async def _a_pair(registry: RunningRegistry) -> None:
    for device in ("/chargers/c1", "/chargers/c2", "/widgets/w1", "/widgets/w2"):
        await registered(registry, device)
    await paired(registry, "c1", "w1")


def _wish_for(path: str, *, other: bool = False) -> dict[str, str]:
    """Return what is to be PUT so that the two are paired; ``other``: with another partner."""
    which = "2" if other else "1"
    return {"charger": f"c{which}"} if path.endswith("/pairing") else {"widget": f"w{which}"}


# --- devices


@DEVICES
async def test_a_tag_is_the_same_wherever_it_comes_from_until_something_changes(
    registry: RunningRegistry, path: str
) -> None:
    made = await _send(registry, "PUT", path, {"label": "left"})
    assert made.status_code == 201
    tag = await _seen(registry, path)
    assert made.headers["etag"] == tag
    assert (await _send(registry, "PUT", path, {"label": "left"})).headers["etag"] == tag
    assert (await _send(registry, "PATCH", path, {})).headers["etag"] == tag
    tags = [tag]
    for method, body in (
        ("PUT", {"label": "right"}),
        ("PATCH", {"location": "stage"}),
        ("PUT", {"label": ""}),
    ):
        tags.append((await _send(registry, method, path, body)).headers["etag"])
        assert await _seen(registry, path) == tags[-1]
    assert len(set(tags)) == 4


@DEVICES
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_of_two_operators_who_saw_the_same_the_second_is_told_to_look_again(
    registry: RunningRegistry, path: str, method: str
) -> None:
    await registered(registry, path, label="left")
    seen = await _seen(registry, path)
    first = await _send(registry, "PUT", path, {"label": "Ada's"}, if_match=seen)
    assert first.status_code == 200
    now = await _now(registry, path)

    body = None if method == "DELETE" else {"label": "Bob's"}
    second = await _send(registry, method, path, body, if_match=seen)
    problem = assert_problem(second, 412, first.headers["etag"], "Look at it again")
    assert problem["type"] == CHANGED
    assert problem["etag"] == first.headers["etag"]
    assert await _now(registry, path) == now

    # With what it was told, after having looked, it gets its way.
    third = await _send(registry, method, path, body, if_match=problem["etag"])
    assert third.is_success
    assert await _now(registry, path) != now


@DEVICES
async def test_of_many_operators_at_once_exactly_one_changes_what_all_saw(
    registry: RunningRegistry, path: str
) -> None:
    await registered(registry, path)
    seen = await _seen(registry, path)
    answers = await asyncio.gather(
        *(
            _send(registry, method, path, {"label": f"{method} {number}"}, if_match=seen)
            for number in range(5)
            for method in ("PUT", "PATCH")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 9]
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert (await _now(registry, path))[1]["label"] == won.json()["label"]


@DEVICES
async def test_a_device_that_was_paired_meanwhile_is_not_unregistered_by_mistake(
    registry: RunningRegistry, path: str
) -> None:
    await registered(registry, path)
    seen = await _seen(registry, path)
    await registered(registry, "/chargers/other")
    await registered(registry, "/widgets/other")
    await paired(registry, *(("x1", "other") if "charger" in path else ("other", "x1")))
    assert_problem(await _send(registry, "DELETE", path, if_match=seen), 412)
    assert (await _send(registry, "DELETE", path, if_match=await _seen(registry, path))).is_success


@DEVICES
async def test_a_device_that_was_registered_anew_is_another_one(
    registry: RunningRegistry, path: str
) -> None:
    await registered(registry, path, label="left")
    seen = await _seen(registry, path)
    assert (await registry.send("DELETE", path)).status_code == 204
    await registered(registry, path, label="left")
    for method, body in (("PUT", {}), ("PATCH", {}), ("DELETE", None)):
        assert_problem(await _send(registry, method, path, body, if_match=seen), 412)


@DEVICES
async def test_any_version_will_do_as_long_as_there_is_one(
    registry: RunningRegistry, path: str
) -> None:
    absent = await _send(registry, "PUT", path, {}, if_match="*")
    assert assert_problem(absent, 412, "Leave out If-Match")["type"] == CHANGED
    assert (await _now(registry, path))[0] == 404
    await registered(registry, path)
    for method, body in (("PUT", {"label": "a"}), ("PATCH", {"label": "b"}), ("DELETE", None)):
        assert (await _send(registry, method, path, body, if_match="*")).is_success
    assert (await _now(registry, path))[0] == 404


@DEVICES
async def test_what_is_not_there_is_not_there_whatever_the_condition(
    registry: RunningRegistry, path: str
) -> None:
    for headers in ({"if_match": "*"}, {"if_match": '"a"'}, {"if_none_match": "*"}):
        assert_problem(await _send(registry, "PATCH", path, {}, **headers), 404, "x1")
        assert_problem(await _send(registry, "DELETE", path, **headers), 404, "x1")
    assert_problem(await _send(registry, "PUT", path, {}, if_match='"a"'), 412)
    assert (await _now(registry, path))[0] == 404


@DEVICES
async def test_only_if_there_is_none_yet(registry: RunningRegistry, path: str) -> None:
    made = await _send(registry, "PUT", path, {"label": "left"}, if_none_match="*")
    assert made.status_code == 201
    now = await _now(registry, path)
    for method, body in (("PUT", {"label": "x"}), ("PATCH", {"label": "x"}), ("DELETE", None)):
        answer = await _send(registry, method, path, body, if_none_match="*")
        assert assert_problem(answer, 412, "Leave out If-None-Match")["type"] == EXISTS
    assert await _now(registry, path) == now


@DEVICES
async def test_sending_again_whose_answer_was_lost_does_no_harm(
    registry: RunningRegistry, path: str
) -> None:
    body = {"label": "left", "location": "stage"}
    made = await _send(registry, "PUT", path, body)
    again = await _send(registry, "PUT", path, body)
    assert (again.status_code, again.json()) == (200, made.json())
    lines = (await registry.send("GET", "/audit?subject=x1")).json()["items"]
    assert [line["action"] for line in lines] == ["created"]

    # With a condition it is told 412, and what is there is what it wanted.
    seen = made.headers["etag"]
    changed = await _send(registry, "PUT", path, {"label": "right"}, if_match=seen)
    again = await _send(registry, "PUT", path, {"label": "right"}, if_match=seen)
    assert assert_problem(again, 412)["etag"] == changed.headers["etag"]
    assert await _now(registry, path) == (200, changed.json())


# --- pairings


@PAIRINGS
async def test_a_pairing_has_one_tag_from_either_side_and_another_one_each_time(
    registry: RunningRegistry, path: str
) -> None:
    await _a_pair(registry)
    tag = await _seen(registry, path)
    for each in ("/pairings/c1", "/widgets/w1/pairing"):
        assert await _seen(registry, each) == tag
        again = await _send(registry, "PUT", each, _wish_for(each))
        assert again.headers["etag"] == tag
    assert (await _send(registry, "DELETE", path)).status_code == 204
    anew = await _send(registry, "PUT", path, _wish_for(path))
    assert anew.headers["etag"] == await _seen(registry, path)
    assert anew.headers["etag"] != tag


@PAIRINGS
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_pairing_that_somebody_else_replaced_is_left_alone(
    registry: RunningRegistry, path: str, method: str
) -> None:
    await _a_pair(registry)
    seen = await _seen(registry, path)
    first = await _send(
        registry, "PUT", f"{path}?replace=true", _wish_for(path, other=True), if_match=seen
    )
    assert first.status_code == 200
    now = await _now(registry, path)
    query = "?replace=true" if method == "PUT" else ""
    body = _wish_for(path) if method == "PUT" else None
    second = await _send(registry, method, path + query, body, if_match=seen)
    problem = assert_problem(second, 412, first.headers["etag"], "Look at it again")
    assert problem["type"] == CHANGED
    assert problem["etag"] == first.headers["etag"]
    assert await _now(registry, path) == now
    third = await _send(registry, method, path + query, body, if_match=problem["etag"])
    assert third.is_success


@PAIRINGS
async def test_a_pairing_that_was_ended_meanwhile_is_not_made_anew(
    registry: RunningRegistry, path: str
) -> None:
    await _a_pair(registry)
    seen = await _seen(registry, path)
    assert (await registry.send("DELETE", path)).status_code == 204
    for condition in (seen, "*"):
        answer = await _send(registry, "PUT", path, _wish_for(path), if_match=condition)
        assert_problem(answer, 412, "Leave out If-Match")
        assert_problem(await _send(registry, "DELETE", path, if_match=condition), 404)
    assert (await _now(registry, path))[0] == 404


@PAIRINGS
async def test_only_if_it_is_not_paired_yet(registry: RunningRegistry, path: str) -> None:
    await _a_pair(registry)
    await registry.send("DELETE", path)
    made = await _send(registry, "PUT", path, _wish_for(path), if_none_match="*")
    assert made.status_code == 200
    tag = made.headers["etag"]
    for other in (False, True):
        for none in ("*", f"W/{tag}"):
            answer = await _send(
                registry,
                "PUT",
                f"{path}?replace=true",
                _wish_for(path, other=other),
                if_none_match=none,
            )
            assert assert_problem(answer, 412, "Leave out If-None-Match")["type"] == EXISTS
    assert_problem(await _send(registry, "DELETE", path, if_none_match="*"), 412)
    assert await _seen(registry, path) == tag


@PAIRINGS
async def test_of_many_who_saw_the_same_pairing_exactly_one_ends_or_replaces_it(
    registry: RunningRegistry, path: str
) -> None:
    await _a_pair(registry)
    seen = await _seen(registry, path)
    wish = _wish_for(path, other=True)
    answers = await asyncio.gather(
        *(_send(registry, "PUT", f"{path}?replace=true", wish, if_match=seen) for _ in range(4)),
        *(_send(registry, "DELETE", path, if_match=seen) for _ in range(4)),
    )
    won = [answer for answer in answers if answer.is_success]
    assert len(won) == 1
    # Whoever came after an end is told that there is none any more.
    assert {answer.status_code for answer in answers} <= {200, 204, 404, 412}
    assert (await _now(registry, path))[0] == (200 if won[0].status_code == 200 else 404)


async def test_pairing_again_does_no_harm_and_keeps_the_light(
    registry: RunningRegistry, in_redis: InRedis
) -> None:
    await _a_pair(registry)
    entry = await in_redis.charger("c1")
    before = await _now(registry, "/pairings/c1")
    for each in ("/pairings/c1", "/widgets/w1/pairing"):
        for query in ("", "?replace=true"):
            again = await _send(registry, "PUT", each + query, _wish_for(each))
            assert (again.status_code, again.json()) == before
            assert await in_redis.charger("c1") == entry
    assert await _now(registry, "/pairings/c1") == before


async def test_a_condition_is_about_the_side_that_was_asked_about(
    registry: RunningRegistry,
) -> None:
    await _a_pair(registry)
    # c2 has no pairing, w1 has one.
    answer = await _send(
        registry, "PUT", "/pairings/c2?replace=true", {"widget": "w1"}, if_none_match="*"
    )
    assert answer.status_code == 200
    answer = await _send(
        registry, "PUT", "/widgets/w1/pairing?replace=true", {"charger": "c1"}, if_none_match="*"
    )
    assert_problem(answer, 412)
