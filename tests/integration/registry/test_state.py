"""How it stands with devices right now, as the REST API tells it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.registry.routes import states
from shared.bus.bus import Bus
from shared.bus.single_server_bus import SingleServerBus
from shared.contract.names import GATEWAYS, REFUSED, Names
from tests.integration.registry.conftest import RunningRegistry, StartRegistry
from tests.integration.registry.in_redis import InRedis
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.server import RedisServer

MICROSECOND = timedelta(microseconds=1)


class Hub:
    """What gateways and routers would write."""

    def __init__(self, bus: Bus, names: Names) -> None:
        self.bus = bus
        self.names = names

    async def put(self, key: str, device_id: str, value: object) -> None:
        await self.bus.command("HSET", key, device_id, json.dumps(value))

    async def heard_of(self, gateway: str, ago: float) -> int:
        """A gateway was heard of so many seconds ago; returns when, in µs."""
        at = await InRedis(self.bus, self.names).now_us() - round(ago * 1_000_000)
        await self.bus.command("ZADD", GATEWAYS, at, gateway)
        return at

    async def at(self, charger: str, gateway: str, **more: int) -> None:
        entry = {"gateway": gateway, "epoch": 5, "since": 7, **more}
        await self.put(self.names.of_charger(charger).presence, charger, entry)

    async def light(self, widget: str, pairing: int, status: str, charger: str = "c1") -> None:
        message = {
            "event": "chargingStatus",
            "data": {"status": status},
            "widget": widget,
            "charger": charger,
            "pairing": pairing,
            "revision": [5, 2],
            "thresholds": 1,
        }
        await self.put(self.names.of_widget(widget).statuses, widget, message)


@pytest.fixture
def hub(bus: Bus, names: Names) -> Hub:
    return Hub(bus, names)


def time_of(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + microseconds * MICROSECOND


def parsed(text: str) -> datetime:
    assert text.endswith("Z"), "a UTC time as RFC 3339 has it"
    return datetime.fromisoformat(text)


async def _pair(registry: RunningRegistry, charger: str = "c1", widget: str = "w1") -> int:
    await registry.send("PUT", f"/chargers/{charger}", {})
    await registry.send("PUT", f"/widgets/{widget}", {})
    paired = await registry.send("PUT", f"/pairings/{charger}", {"widget": widget})
    return int(paired.json()["pairing_number"])


async def _state(registry: RunningRegistry, path: str) -> dict[str, Any]:
    response = await registry.send("GET", path)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_charger_that_never_connected_has_a_state(registry: RunningRegistry) -> None:
    number = await _pair(registry)
    assert await _state(registry, "/chargers/c1/state") == {
        "id": "c1",
        "online": False,
        "gateway": None,
        "since": None,
        "last_seen": None,
        "reading": None,
        "pairing_number": number,
        "widget": "w1",
        "status": None,
        "pending_since": None,
        "router": None,
        "last_rejection": None,
        "estimate": None,
    }


async def test_a_chargers_state_says_all_there_is(
    registry: RunningRegistry, hub: Hub, in_redis: InRedis
) -> None:
    number = await _pair(registry)
    await hub.heard_of("gateway-a", ago=1)
    await hub.at("c1", "gateway-a")
    await in_redis.set_live("c1", {"epoch": 5, "revision": [5, 2], "soc": 81.5, "received_at": 8})
    await hub.light("w1", number, "charging80")
    names = hub.names.of_charger("c1")
    await hub.bus.command("ZADD", names.pending, 1795494070393676, "c1")
    await hub.bus.command("SET", names.lease, "router-1")
    rejection = {"at": 9, "gateway": "gateway-b", "code": "out_of_range", "message": "no"}
    await hub.put(names.rejections, "c1", rejection)
    state = await _state(registry, "/chargers/c1/state")
    assert abs(parsed(state.pop("last_seen")) - datetime.now(UTC)) < timedelta(seconds=60)
    assert parsed(state.pop("since")) == time_of(7)
    assert parsed(state["reading"].pop("received_at")) == time_of(8)
    assert parsed(state.pop("pending_since")) == time_of(1795494070393676)
    assert parsed(state["last_rejection"].pop("at")) == time_of(9)
    assert state == {
        "id": "c1",
        "online": True,
        "gateway": "gateway-a",
        "reading": {"soc": 81.5, "revision": [5, 2]},
        "pairing_number": number,
        "widget": "w1",
        "status": {"status": "charging80", "charger": "c1", "revision": [5, 2]},
        "router": "router-1",
        "last_rejection": {"gateway": "gateway-b", "code": "out_of_range", "message": "no"},
        "estimate": None,
    }


async def test_a_status_of_a_former_pairing_is_not_told(
    registry: RunningRegistry, hub: Hub
) -> None:
    number = await _pair(registry)
    await hub.light("w1", number - 1, "charged")
    assert (await _state(registry, "/chargers/c1/state"))["status"] is None
    assert (await _state(registry, "/widgets/w1/state"))["status"] is None


async def test_a_widgets_state_says_where_it_is_connected(
    registry: RunningRegistry, hub: Hub
) -> None:
    number = await _pair(registry)
    names = hub.names.of_widget("w1")
    await hub.heard_of("gateway-a", ago=0)
    await hub.heard_of("gateway-b", ago=0)
    dead = await hub.heard_of("gateway-c", ago=20)
    await hub.put(
        names.presence, "w1", {"gateways": {"gateway-a": 9, "gateway-b": 6, "gateway-c": 3}}
    )
    await hub.light("w1", number, "charged")
    state = await _state(registry, "/widgets/w1/state")
    assert state["online"] is True
    assert [each["gateway"] for each in state["gateways"]] == ["gateway-b", "gateway-a"]
    assert parsed(state["since"]) == time_of(6)
    assert (state["charger"], state["pairing_number"]) == ("c1", number)
    assert state["status"] == {"status": "charged", "charger": "c1", "revision": [5, 2]}
    await hub.put(names.presence, "w1", {"gateways": {"gateway-c": 3}})
    state = await _state(registry, "/widgets/w1/state")
    assert (state["online"], state["gateways"], state["since"]) == (False, [], None)
    assert parsed(state["last_seen"]) == time_of(dead)
    await hub.put(names.presence, "w1", {"gateways": {}, "left": 15})
    state = await _state(registry, "/widgets/w1/state")
    assert parsed(state["last_seen"]) == time_of(15)


@pytest.mark.parametrize("kind", ["chargers", "widgets"])
async def test_an_unknown_device_has_no_state(registry: RunningRegistry, kind: str) -> None:
    await registry.send("PUT", f"/{kind}/gone", {})
    await registry.send("DELETE", f"/{kind}/gone")
    for device in ("x1", "gone", "a:b", "%00"):
        response = await registry.send("GET", f"/{kind}/{device}/state")
        assert response.status_code == 404
        assert response.json()["type"] == "urn:chargelight:problem:not-registered"


async def test_what_somebody_broke_in_redis_counts_as_not_there(
    registry: RunningRegistry, hub: Hub
) -> None:
    await _pair(registry)
    chargers, widgets = hub.names.of_charger("c1"), hub.names.of_widget("w1")
    broken = (
        "no json",
        "[]",
        "\xff",
        '{"at":-1}',
        '{"since":9e99,"gateways":{"a":1e300}}',
        "[" * 9,
    )
    await hub.bus.command("ZADD", GATEWAYS, "inf", "a", "-inf", b"\xff")
    await hub.bus.command("ZADD", chargers.pending, "-inf", "c1")
    for value in broken:
        for key in (chargers.live, chargers.presence, chargers.rejections):
            await hub.bus.command("HSET", key, "c1", value.encode("latin-1"))
        for key in (widgets.statuses, widgets.presence, widgets.rejections):
            await hub.bus.command("HSET", key, "w1", value.encode("latin-1"))
        charger = await _state(registry, "/chargers/c1/state")
        widget = await _state(registry, "/widgets/w1/state")
        assert (charger["online"], widget["online"]) == (False, False)


async def test_keys_that_somebody_broke_count_as_not_there(
    registry: RunningRegistry, hub: Hub
) -> None:
    await _pair(registry)
    chargers, widgets = hub.names.of_charger("c1"), hub.names.of_widget("w1")
    for key in (chargers.presence, chargers.rejections, widgets.presence, widgets.statuses):
        await hub.bus.command("DEL", key)
        await hub.bus.command("SET", key, "mine")
    await hub.bus.command("SET", GATEWAYS, "mine")
    assert (await _state(registry, "/chargers/c1/state"))["online"] is False
    assert (await _state(registry, "/widgets/w1/state"))["status"] is None
    assert [each["id"] for each in (await _state(registry, "/state"))["items"]] == ["c1"]
    explanation = await _state(registry, "/chargers/c1/explanation")
    assert explanation["title"] == "charger c1"


async def test_without_postgres_states_are_told_and_lists_are_not(
    start_registry: StartRegistry, private_postgres: PostgresServer
) -> None:
    registry = await start_registry(postgres_dsn=private_postgres.dsn)
    await _pair(registry)
    private_postgres.stop()
    assert (await _state(registry, "/chargers/c1/state"))["widget"] == "w1"
    assert (await _state(registry, "/widgets/w1/state"))["charger"] == "c1"
    response = await registry.send("GET", "/state")
    assert (response.status_code, response.json()["title"]) == (503, "Postgres is away")


async def test_without_redis_it_says_so(
    start_registry: StartRegistry, private_redis: RedisServer
) -> None:
    registry = await start_registry(redis_url=private_redis.url)
    await _pair(registry)
    private_redis.freeze()
    for path in ("/chargers/c1/state", "/widgets/w1/state", "/state"):
        response = await registry.send("GET", path)
        assert (response.status_code, response.json()["title"]) == (503, "Redis is away")
        assert int(response.headers["Retry-After"]) > 0
    private_redis.thaw()
    assert (await _state(registry, "/chargers/c1/state"))["widget"] == "w1"


async def test_without_a_directory_nobody_is_called_unknown(
    start_registry: StartRegistry, private_redis: RedisServer, private_postgres: PostgresServer
) -> None:
    registry = await start_registry(redis_url=private_redis.url, postgres_dsn=private_postgres.dsn)
    await _pair(registry)
    private_postgres.stop()
    bus = SingleServerBus(private_redis.url, "test")
    await bus.on_each_server("FLUSHALL")
    await bus.close()
    for path in ("/chargers/c1/state", "/widgets/w1/state"):
        response = await registry.send("GET", path)
        assert response.status_code == 503
        assert response.json()["type"] == "urn:chargelight:problem:directory-absent"
        assert int(response.headers["Retry-After"]) > 0


async def test_all_chargers_are_listed_in_pages(registry: RunningRegistry) -> None:
    for number in range(5):
        await registry.send("PUT", f"/chargers/c{number}", {})
    found: list[str] = []
    path, pages = "/state?limit=2", 0
    while path:
        page = await _state(registry, path)
        assert len(page["items"]) <= 2
        found += [state["id"] for state in page["items"]]
        pages += 1
        path = f"/state?limit=2&cursor={page['next']}" if page["next"] else ""
    assert found == ["c0", "c1", "c2", "c3", "c4"]
    assert pages == 3
    assert (await _state(registry, "/state?limit=5"))["next"] is None
    refused = await registry.send("GET", "/state?cursor=nonsense")
    assert refused.status_code == 422


async def test_the_list_is_filtered(registry: RunningRegistry, hub: Hub) -> None:
    await hub.heard_of("gateway-a", ago=0)
    for number, status in ((1, "charged"), (2, "charging"), (3, "charged"), (4, "")):
        pairing = await _pair(registry, f"c{number}", f"w{number}")
        if status:
            await hub.light(f"w{number}", pairing, status, f"c{number}")
        if number >= 3:
            await hub.at(f"c{number}", "gateway-a")

    async def listed(query: str) -> list[str]:
        return [state["id"] for state in (await _state(registry, f"/state?{query}"))["items"]]

    assert await listed("status=charged") == ["c1", "c3"]
    assert await listed("online=true") == ["c3", "c4"]
    assert await listed("online=false") == ["c1", "c2"]
    assert await listed("status=charged&online=true") == ["c3"]
    assert await listed("status=charging80") == []
    assert (await registry.send("GET", "/state?status=green")).status_code == 422


async def test_a_request_looks_at_so_many_chargers_and_says_where_to_go_on(
    registry: RunningRegistry, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_CHUNK", 2)
    monkeypatch.setattr(states, "_MAX_LOOKED_AT", 4)
    await hub.heard_of("gateway-a", ago=0)
    for number in range(7):
        await registry.send("PUT", f"/chargers/c{number}", {})
    await hub.at("c5", "gateway-a")
    first = await _state(registry, "/state?online=true")
    assert first["items"] == []
    second = await _state(registry, f"/state?online=true&cursor={first['next']}")
    assert [state["id"] for state in second["items"]] == ["c5"]
    assert second["next"] is None


async def test_those_who_could_not_connect_are_listed_the_newest_first(
    registry: RunningRegistry, hub: Hub
) -> None:
    assert await _state(registry, "/refused") == {"items": []}
    times = {"count": 3, "gateway": "gateway-a"}
    await hub.put(REFUSED, "charger tls 10.0.0.7 ", {**times, "at": 5})
    await hub.put(REFUSED, "charger wrong_path ::1 /charger/c1", {**times, "at": 7, "since": 6})
    newest, older = (await _state(registry, "/refused"))["items"]
    assert newest == {
        "kind": "charger",
        "id": "c1",
        "path": "/charger/c1",
        "address": "::1",
        "reason": "wrong_path",
        "count": 3,
        "since": "1970-01-01T00:00:00.000006Z",
        "last_at": "1970-01-01T00:00:00.000007Z",
        "gateway": "gateway-a",
    }
    assert (older["id"], older["path"], older["reason"]) == (None, None, "tls")


async def test_an_id_is_explained_as_what_it_is(registry: RunningRegistry) -> None:
    for path in ("/chargers/c1", "/widgets/w1", "/chargers/x", "/widgets/x"):
        await registry.send("PUT", path, {})

    async def title_of(path: str) -> str:
        title: str = (await registry.send("GET", path)).json()["title"]
        return title

    assert await title_of("/explanations/c1") == "charger c1"
    assert await title_of("/explanations/w1") == "widget w1"
    assert await title_of("/explanations/x") == "charger x"
    assert await title_of("/widgets/x/explanation") == "widget x"
    assert await title_of("/explanations/nobody") == "nobody"
    wrong = (await registry.send("GET", "/chargers/w1/explanation")).json()
    assert wrong["verdict"] == "w1 is the id of a widget, not of a charger."
    assert (await registry.send("GET", "/explanations/a%20b")).status_code == 404
