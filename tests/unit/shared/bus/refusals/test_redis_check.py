"""What Redis refuses is found before serving, named, said once, and over when it is over."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError
from structlog.testing import capture_logs
from structlog.typing import EventDict

from services.gateway.redis_check import RIGHTS
from shared.bus.bus import BusUnavailableError
from shared.bus.refusals.config_agreement import agree
from shared.bus.refusals.redis_check import RedisCheck
from shared.bus.refusals.refusal import RefusedError, classify
from shared.bus.server import check_replies
from shared.contract.names import AGREEMENTS
from shared.process.runtime import CannotServeError
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay

OOM = "OOM command not allowed when used memory > 'maxmemory'."
NOPERM = "NOPERM User gw has no permissions to run the '{}' command"


class AgreementBus(FakeBus):
    """Keeps one hash; may be away for its first commands."""

    def __init__(
        self, *, away: int = 0, policy: str = "noeviction", mode: str = "standalone"
    ) -> None:
        super().__init__()
        self.mode = mode
        self.role = b"master"
        self.times_away = away
        self.policy = policy
        self.agreed: dict[str, bytes] = {}
        self.refused: dict[str, str] = {}

    async def reach(self) -> None:
        await super().reach()
        if self.times_away:
            self.times_away -= 1
            raise BusUnavailableError("away")

    async def commands(
        self, commands: Sequence[Sequence[Any]], *, return_errors: bool = False
    ) -> list[Any]:
        await self.reach()
        names = [str(words[0]) for words in commands]
        replies = [
            ResponseError(self.refused[name])
            if name in self.refused
            else self.answer_command(tuple(words))
            for name, words in zip(names, commands, strict=True)
        ]
        return check_replies(names, replies, return_errors=return_errors)

    def answer_call(self, _: object) -> Any:
        return 0

    def answer_command(self, words: Sequence[Any]) -> Any:
        match words:
            case ("INFO", "server"):
                return f"redis_version:7.0.15\r\nredis_mode:{self.mode}\r\n".encode()
            case ("INFO", "memory"):
                return f"# Memory\r\nused:1\r\nmaxmemory_policy:{self.policy}\r\n".encode()
            case ("ROLE",):
                return [self.role, 0, []]
            case ("HMGET", key, *names) if key == AGREEMENTS:
                return [self.agreed.get(name) for name in names]
            case ("HSETNX", _, name, value):
                return self.agreed.setdefault(name, value.encode())
        return None


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def check_of(bus: FakeBus, **more: Any) -> RedisCheck:
    return RedisCheck(bus=bus, rights=RIGHTS, agreement={"A": "1"}, rng=NoDelay(), **more)


async def test_the_first_process_says_what_holds() -> None:
    bus = AgreementBus()
    await agree(bus, {"CHARGELIGHT_PARTITIONS": "64"})
    assert bus.agreed == {"CHARGELIGHT_PARTITIONS": b"64"}
    await agree(bus, {"CHARGELIGHT_PARTITIONS": "64", "MORE": "1"})
    assert bus.agreed == {"CHARGELIGHT_PARTITIONS": b"64", "MORE": b"1"}


async def test_another_value_is_refused_and_the_text_says_what_to_do() -> None:
    bus = AgreementBus()
    await agree(bus, {"CHARGELIGHT_PARTITIONS": "64"})
    with pytest.raises(RefusedError) as caught:
        await agree(bus, {"CHARGELIGHT_PARTITIONS": "32"})
    text = str(caught.value)
    assert "CHARGELIGHT_PARTITIONS" in text
    assert "'32'" in text
    assert "'64'" in text
    assert f"redis-cli HDEL {AGREEMENTS} 'CHARGELIGHT_PARTITIONS'" in text
    assert bus.agreed == {"CHARGELIGHT_PARTITIONS": b"64"}


async def test_other_thresholds_need_another_version_and_no_stop() -> None:
    bus = AgreementBus()
    await agree(bus, {"CHARGELIGHT_ROUTER_THRESHOLDS of version 1": "charging=0"})
    with pytest.raises(RefusedError, match="raise CHARGELIGHT_ROUTER_THRESHOLDS_VERSION") as caught:
        await agree(bus, {"CHARGELIGHT_ROUTER_THRESHOLDS of version 1": "charging=1"})
    assert "stop all" not in str(caught.value)


async def test_a_redis_that_is_away_is_waited_for() -> None:
    bus = AgreementBus(away=3)
    await check_of(bus).wait_and_agree()
    assert bus.agreed == {"A": b"1"}


async def test_one_that_is_full_is_waited_for_and_the_line_says_so_once() -> None:
    bus = AgreementBus()
    bus.refused["HSET"] = OOM
    check = check_of(bus)
    with capture_logs() as lines:
        waiting = asyncio.create_task(check.wait_and_agree())
        for _ in range(50):
            await asyncio.sleep(0)
        assert not waiting.done()
        bus.refused.clear()
        await waiting
    (line,) = lines
    assert line["event"] == "waiting for redis"
    assert "Redis is full" in line["reason"]


@pytest.mark.parametrize(
    ("bus", "text"),
    [
        (AgreementBus(policy="allkeys-lru"), "CONFIG SET maxmemory-policy noeviction"),
        (AgreementBus(policy="allkeys-lru"), "set it in the server's parameter group"),
        (AgreementBus(mode="cluster"), "Set CHARGELIGHT_REDIS_CLUSTER=true"),
    ],
)
async def test_a_wrong_redis_is_refused_with_what_to_do(bus: AgreementBus, text: str) -> None:
    with pytest.raises(CannotServeError, match=text):
        await check_of(bus).wait_and_agree()


async def test_a_replica_is_refused() -> None:
    bus = AgreementBus()
    bus.role = b"slave"
    with pytest.raises(CannotServeError, match="lead to the primary"):
        await check_of(bus).agree_once()


async def test_all_rights_that_are_missing_are_named_at_once() -> None:
    bus = AgreementBus()
    bus.refused = {name: NOPERM.format(name.lower()) for name in ("ZADD", "HSET")}
    bus.refused["DEL"] = OOM
    with pytest.raises(CannotServeError, match=r"ACL SETUSER gw \+hset \+zadd"):
        await check_of(bus).agree_once()


class ManyServers(AgreementBus):
    """Three servers, one of which may evict."""

    async def on_each_server(self, *words: Any) -> list[Any]:
        first = await self.command(*words)
        if words[0] == "ROLE":
            return [first] * 3
        return [first, first.replace(b"noeviction", b"allkeys-lru"), first]


async def test_of_several_servers_each_must_keep_what_it_has() -> None:
    with pytest.raises(CannotServeError, match="CONFIG SET maxmemory-policy noeviction"):
        await check_of(ManyServers()).wait_and_agree()


async def look_for(check: RedisCheck, times: int = 3) -> list[EventDict]:
    with capture_logs() as lines:
        running = asyncio.create_task(check.run())
        for _ in range(times * 20):
            await asyncio.sleep(0)
        running.cancel()
    return lines


async def test_once_it_serves_a_refusal_is_said_once_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, bus = Clock(), AgreementBus()
    monkeypatch.setattr("shared.bus.refusals.redis_check._LOOK_SECONDS", 0)
    monkeypatch.setattr("shared.bus.refusals.redis_check._PAUSE_SECONDS", 0)
    check = check_of(bus, clock=clock)
    assert await look_for(check) == []
    assert check.not_ready_because is None
    bus.policy = "volatile-ttl"
    (line,) = await look_for(check)
    assert line["event"] == "redis needs attention"
    assert "maxmemory-policy volatile-ttl" in line["reason"]
    assert "noeviction" in line["remedy"]
    assert str(check.not_ready_because).startswith("redis needs attention: Redis may evict keys")
    bus.policy = "noeviction"
    # It may be refused again in a moment: reads are answered while writes are not.
    assert await look_for(check) == []
    assert check.not_ready_because is not None
    clock.now += 3
    (line,) = await look_for(check)
    assert line["event"] == "redis is in order again"
    assert check.not_ready_because is None


async def test_what_other_connections_are_refused_counts_too() -> None:
    other = FakeBus()
    check = check_of(AgreementBus(), connections=[other])
    assert check.not_ready_because is None
    refusal = classify("WRONGPASS invalid username-password pair or user is disabled.")
    assert refusal is not None
    other.trouble = RefusedError(refusal)
    assert "CHARGELIGHT_REDIS_URL" in str(check.not_ready_because)


async def test_a_redis_that_is_away_refuses_nothing_but_its_reason_is_known() -> None:
    other = FakeBus()
    other.trouble = BusUnavailableError("Connection refused")
    check = check_of(AgreementBus(), connections=[other])
    assert check.not_ready_because is None
    assert check.away_because == ": Connection refused"
