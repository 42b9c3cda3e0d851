"""Processes that are configured differently do not serve beside each other."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.bus.bus import BusUnavailableError
from shared.bus.config_agreement import agree, wait_and_agree
from shared.contract.names import AGREEMENTS
from shared.process.runtime import CannotServeError
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay


class AgreementBus(FakeBus):
    """Keeps one hash; may be away for its first commands."""

    def __init__(
        self, *, away: int = 0, policy: str = "noeviction", mode: str = "standalone"
    ) -> None:
        super().__init__()
        self.mode = mode
        self.times_away = away
        self.policy = policy
        self.agreed: dict[str, bytes] = {}

    async def reach(self) -> None:
        if self.times_away:
            self.times_away -= 1
            raise BusUnavailableError("away")

    def answer_command(self, words: Sequence[Any]) -> Any:
        if words == ("INFO", "server"):
            return f"# Server\r\nredis_version:7.0.15\r\nredis_mode:{self.mode}\r\n".encode()
        if words == ("INFO", "memory"):
            return f"# Memory\r\nused:1\r\nmaxmemory_policy:{self.policy}\r\n".encode()
        verb, key, *rest = words
        assert key == AGREEMENTS
        if verb == "HMGET":
            return [self.agreed.get(name) for name in rest]
        assert verb == "HSETNX"
        name, value = rest
        return self.agreed.setdefault(name, value.encode())


async def test_the_first_process_says_what_holds() -> None:
    bus = AgreementBus()
    await agree(bus, {"CHARGELIGHT_PARTITIONS": "64"})
    assert bus.agreed == {"CHARGELIGHT_PARTITIONS": b"64"}
    await agree(bus, {"CHARGELIGHT_PARTITIONS": "64", "MORE": "1"})
    assert bus.agreed == {"CHARGELIGHT_PARTITIONS": b"64", "MORE": b"1"}


async def test_another_value_is_refused_and_the_text_says_what_to_do() -> None:
    bus = AgreementBus()
    await agree(bus, {"CHARGELIGHT_PARTITIONS": "64"})
    with pytest.raises(CannotServeError) as caught:
        await agree(bus, {"CHARGELIGHT_PARTITIONS": "32"})
    text = str(caught.value)
    assert "CHARGELIGHT_PARTITIONS" in text
    assert "'32'" in text
    assert "'64'" in text
    assert f"redis-cli HDEL {AGREEMENTS} 'CHARGELIGHT_PARTITIONS'" in text
    assert bus.agreed == {"CHARGELIGHT_PARTITIONS": b"64"}


async def test_a_redis_that_is_away_is_waited_for() -> None:
    bus = AgreementBus(away=3)
    await wait_and_agree(bus, {"A": "1"}, NoDelay())
    assert bus.agreed == {"A": b"1"}


async def test_a_redis_that_may_evict_is_refused() -> None:
    with pytest.raises(CannotServeError, match="CONFIG SET maxmemory-policy noeviction"):
        await wait_and_agree(AgreementBus(policy="allkeys-lru"), {"A": "1"}, NoDelay())


async def test_a_node_of_a_cluster_is_no_single_redis() -> None:
    with pytest.raises(CannotServeError, match="set CHARGELIGHT_REDIS_CLUSTER=true"):
        await wait_and_agree(AgreementBus(mode="cluster"), {"A": "1"}, NoDelay())


class ManyServers(AgreementBus):
    """Three servers, one of which may evict."""

    async def on_each_server(self, *words: Any) -> list[Any]:
        first = await self.command(*words)
        return [first, first.replace(b"noeviction", b"allkeys-lru"), first]


async def test_of_several_servers_each_must_keep_what_it_has() -> None:
    with pytest.raises(CannotServeError, match="CONFIG SET maxmemory-policy noeviction"):
        await wait_and_agree(ManyServers(), {"A": "1"}, NoDelay())
