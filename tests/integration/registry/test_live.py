"""The console's feed: a snapshot, and then each change."""

import contextlib
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from services.registry.feed import stream
from services.registry.feed import watching as watching_rules
from services.registry.redis_check import RIGHTS
from services.router import scripts
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.device_protocol import ChargingStatus
from shared.contract.doorbells import StatusData, StatusDoorbell, encode_status
from shared.contract.names import Names
from tests.fixtures.feed import Events
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.fixtures.redis_at import address_of, bus_to, client_of
from tests.integration.registry.by_rest import assert_problem, paired, registered
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry, eventually
from tests.integration.registry.events import watching
from tests.integration.registry.in_redis import InRedis
from tests.integration.registry.test_access import key_of, send
from tests.integration.registry.test_state import Hub, hub, parsed, time_of
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.server import RedisServer

__all__ = ["hub"]

RECEIVED_AT: Final = 1_795_494_065_000_000


async def light(bus: Bus, names: Names, status: str, *, pairing: int, sequence: int = 1) -> None:
    """Light w1 for c1, as a router does."""
    tag = names.of_widget("w1")
    message = StatusDoorbell(
        data=StatusData(ChargingStatus(status)),
        widget="w1",
        charger="c1",
        pairing=pairing,
        revision=(5, sequence),
        thresholds=1,
        received_at=RECEIVED_AT + sequence,
    )
    words: list[Argument] = ["w1", tag.status_channel("w1"), pairing, 5]
    words += [sequence, 1, "c1", status, encode_status(message), ""]
    keys = (tag.directory, tag.directory_version, tag.statuses, tag.transitions)
    assert await bus.run([Call(scripts.LIGHT, keys, words)]) == [[b"lit"]]


async def pair(registry: RunningRegistry, charger: str = "c1", widget: str = "w1") -> int:
    await registered(registry, f"/chargers/{charger}", label=f"label of {charger}")
    await registered(registry, f"/widgets/{widget}")
    return int((await paired(registry, charger, widget))["pairing_number"])


async def snapshot(registry: RunningRegistry, query: str = "") -> dict[str, Any]:
    answer = await registry.client.get(f"{registry.url}/live/snapshot{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_stream_goes_on_where_the_snapshot_ends(
    registry: RunningRegistry, hub: Hub, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    number = await pair(registry)
    await in_redis.set_live("c1", {"epoch": 5, "revision": [5, 1], "soc": 70, "received_at": 1})
    found = await snapshot(registry)
    (tile,) = found["tiles"]
    assert (tile["charger"], tile["label"]) == ("c1", "label of c1")
    assert (tile["widget"], tile["pairing_number"]) == ("w1", number)
    assert (tile["light"], tile["online"]) == (None, False)
    # It was said before this pairing: it is that of the phone before.
    assert tile["level"] is None
    assert found["hub"] == {"redis_away_since": None, "postgres_away_since": None}
    async with watching(registry, f"/live?position={found['position']}") as events:
        first = await events.next()
        assert first is not None
        assert (first.name, first.data) == ("hub", found["hub"])
        await light(bus, names, "charging", pairing=number)
        lit = await events.until("tiles", charger="c1", light="charging")
        assert (lit.data["revision"], parsed(lit.data["light_since"])) == (
            [5, 1],
            time_of(RECEIVED_AT + 1),
        )
        # The same light of a newer reading is no change, so nobody rings.
        await light(bus, names, "charging", pairing=number, sequence=2)
        await light(bus, names, "charged", pairing=number, sequence=3)
        ready = await events.until("tiles", charger="c1", light="charged")
        assert parsed(ready.data["light_since"]) == time_of(RECEIVED_AT + 3)
        await hub.heard_of("gateway-a", ago=1)
        await hub.at("c1", "gateway-a")
        await bus.command(
            "PUBLISH",
            names.of_charger("c1").presence_changes,
            json.dumps({"charger": "c1", "online": True, "gateway": "gateway-a", "at": 5}),
        )
        await events.until("tiles", charger="c1", online=True)
    # Who comes back with the position of an event hears only what came later.
    async with watching(registry, **{"Last-Event-ID": ready.id}) as events:
        await events.until("tiles", charger="c1", online=True)


async def test_a_hand_over_shows_its_ticket_and_the_collection_removes_it(
    registry: RunningRegistry,
) -> None:
    await pair(registry)
    async with watching(registry) as events:
        await events.until("tiles", charger="c1")
        path = f"/rentals/{uuid.uuid4()}"
        wish = {"charger": "c1", "widget": "w1", "ticket": "0815"}
        assert (await registry.send("PUT", path, wish)).status_code == 201
        rented = await events.until("tiles", problem="offline")
        assert rented.data["rental"]["ticket"] == "0815"
        assert (await registry.send("PUT", f"{path}/collection", {})).status_code == 200
        await events.until("tiles", rental=None)
        await registry.send("DELETE", "/chargers/c1")
        assert await events.gone() == ["c1"]


async def test_a_booth_sees_only_what_is_in_it(registry: RunningRegistry) -> None:
    for booth in ("near", "far"):
        await registry.send("POST", "/booths", {"name": booth})
        await registered(registry, f"/chargers/{booth}-charger", booth=booth)
    await registered(registry, "/chargers/nowhere")
    for query, wanted in (
        ("?booth=near", ["near-charger"]),
        ("?booth=", ["nowhere"]),
        ("", ["far-charger", "near-charger", "nowhere"]),
    ):
        assert sorted(each["charger"] for each in (await snapshot(registry, query))["tiles"]) == (
            wanted
        )
    async with watching(registry, "/live?booth=near") as near, watching(registry) as all_:
        await near.until("tiles", charger="near-charger")
        await registry.send("PATCH", "/chargers/near-charger", {"booth": "far"})
        assert await near.gone() == ["near-charger"]
        await registry.send("PATCH", "/chargers/far-charger", {"booth": "near"})
        await near.until("tiles", charger="far-charger", booth="near")
        await all_.until("tiles", charger="near-charger", booth="far")


async def test_a_position_of_elsewhere_means_to_begin_again(registry: RunningRegistry) -> None:
    await registered(registry, "/chargers/c1")
    known = (await snapshot(registry))["position"]
    feed_id, _, number = known.partition("-")
    ahead = f"{feed_id}-{int(number) + 1}"
    for position in (ahead, f"{'0' * 16}-0", "junk"):
        async with watching(registry, f"/live?position={position}") as events:
            first = await events.next()
            assert first is not None
            assert first.name == "reset"
            await events.until("tiles", charger="c1")


async def test_a_snapshot_is_compressed_for_those_who_take_that(registry: RunningRegistry) -> None:
    for accepted, encoding in (("gzip, br", "gzip"), ("identity", None)):
        answer = await registry.client.get(
            f"{registry.url}/live/snapshot", headers={"Accept-Encoding": accepted}
        )
        assert answer.headers.get("Content-Encoding") == encoding
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.json()["tiles"] == []


async def test_a_stream_ends_when_its_key_or_its_session_does(
    start_registry: StartRegistry, by_hand: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    await know_admin(by_hand)
    registry = await start_registry(operator_auth="required")
    key = await key_of(registry, "anna", "viewer")
    begun = await send(registry, key["key"], "POST", "/session")
    name, _, value = begun.headers["Set-Cookie"].partition(";")[0].partition("=")
    cookie = {"Cookie": f"{name}={value}", "Sec-Fetch-Site": "same-origin"}
    registry.client.cookies.clear()
    monkeypatch.setattr(stream, "_LOOK_SECONDS", 0.1)
    async with watching(registry, key=ADMIN_KEY) as admins:
        async with watching(registry, **cookie) as of_session, watching(registry, key=key["key"]):
            await of_session.until("hub")
            out = await registry.client.request(
                "DELETE",
                f"{registry.url}/session",
                headers={**cookie, "Origin": registry.url, "X-Chargelight-Console": "1"},
            )
            assert out.status_code == 204, out.text
            await of_session.end()
        async with watching(registry, key=key["key"]) as annas:
            await annas.until("hub")
            assert (await send(registry, ADMIN_KEY, "DELETE", f"/keys/{key['id']}")).is_success
            await annas.end()
        again = await send(registry, key["key"], "GET", "/live")
        assert_problem(again, 401)
        # The other one goes on.
        assert (await send(registry, ADMIN_KEY, "PUT", "/chargers/c1", {})).is_success
        await admins.until("tiles", charger="c1")


async def test_streams_end_when_the_registry_stops(start_registry: StartRegistry) -> None:
    registry = await start_registry()
    async with watching(registry) as events:
        await events.until("hub")
        registry.stop.set()
        await events.end()
    await registry.task


async def test_there_are_only_so_many_streams(start_registry: StartRegistry) -> None:
    registry = await start_registry(max_connections=10)  # half of them may be streams
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(watching(registry))
        refused = await registry.send("GET", "/live")
        assert_problem(refused, 503, "5 streams")

    # One that ended gives its place back.
    async def has_place() -> bool:
        async with registry.client.stream("GET", f"{registry.url}/live") as answer:
            return answer.status_code == 200

    await eventually(has_place)


async def test_who_asks_for_the_head_alone_takes_no_streams_place(
    start_registry: StartRegistry,
) -> None:
    registry = await start_registry(max_connections=10)
    for _ in range(6):
        head = await registry.send("HEAD", "/live")
        assert head.status_code == 200
        assert head.headers["content-type"].startswith("text/event-stream")


async def test_nobody_who_watches_costs_nothing(
    registry: RunningRegistry, names: Names, redis_admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = names.widgets[0].transitions

    async with client_of(redis_admin_url) as client:

        async def is_heard() -> bool:
            return bool(dict(await client.pubsub_numsub(channel))[channel.encode()])

        monkeypatch.setattr(watching_rules, "LINGER_SECONDS", 0.1)
        assert not await is_heard()
        async with watching(registry) as events:
            await events.until("hub")
            await eventually(is_heard)
        await eventually(lambda: negated(is_heard))
        # And it begins again.
        await snapshot(registry)


async def negated(fact: Callable[[], Awaitable[bool]]) -> bool:
    return not await fact()


async def test_each_registry_has_a_feed_of_its_own(
    start_registry: StartRegistry, bus: Bus, names: Names
) -> None:
    one, another = await start_registry(), await start_registry()
    number = await pair(one)
    async with watching(one) as here, watching(another) as there:
        for events in (here, there):
            await events.until("tiles", widget="w1")
        await light(bus, names, "charged", pairing=number)
        lit = [await each.until("tiles", light="charged") for each in (here, there)]
        assert lit[0].data == lit[1].data
        # What the one counts means nothing to the other.
        async with watching(another, f"/live?position={lit[0].id}") as moved:
            first = await moved.next()
            assert first is not None
            assert first.name == "reset"
            await moved.until("tiles", light="charged")


async def test_with_an_older_acl_the_feed_is_late_and_all_else_works(
    start_registry: StartRegistry, private_redis: RedisServer, names: Names
) -> None:
    bus = bus_to(private_redis.admin_url)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(bus.close)
        client = await stack.enter_async_context(client_of(private_redis.admin_url))
        rules = (rule for rule in RIGHTS.rules() if rule != RIGHTS.hearing_rule)
        await client.execute_command("ACL", "SETUSER", "old", "on", ">pass", *rules)
        host, port = address_of(private_redis.url)
        registry = await start_registry(redis_url=f"redis://old:pass@{host}:{port}/0")
        number = await pair(registry)
        async with watching(registry) as events:
            await events.until("tiles", widget="w1")
            await light(bus, names, "charged", pairing=number)
            await events.until("tiles", light="charged")
            assert (await registry.readiness())[0] == 200
            # Or else this would prove nothing.
            assert any("subscribe" in str(each) for each in await client.acl_log())


async def test_while_redis_is_away_a_stream_says_since_when(
    start_registry: StartRegistry, private_redis: RedisServer
) -> None:
    registry = await start_registry(redis_url=private_redis.url)
    await pair(registry)
    async with watching(registry) as events:
        await events.until("tiles", charger="c1")
        private_redis.freeze()
        away = await hub_until(events, lambda state: state["redis_away_since"])
        assert parsed(away["redis_away_since"]).tzinfo is not None
        found = await snapshot(registry)
        assert found["hub"] == away
        assert [each["charger"] for each in found["tiles"]] == ["c1"]
        private_redis.thaw()
        await hub_until(events, lambda state: state["redis_away_since"] is None)


async def test_streams_go_on_while_postgres_is_away(
    start_registry: StartRegistry, private_postgres: PostgresServer, bus: Bus, names: Names
) -> None:
    registry = await start_registry(postgres_dsn=private_postgres.dsn)
    number = await pair(registry)
    async with watching(registry) as events:
        await events.until("tiles", widget="w1")
        private_postgres.stop()
        await hub_until(events, lambda state: state["postgres_away_since"])
        await light(bus, names, "charged", pairing=number)
        await events.until("tiles", charger="c1", light="charged")


async def hub_until(events: Events, fact: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return the first state of the hub that is as wanted."""
    while not fact(state := (await events.until("hub")).data):
        pass
    return dict(state)
