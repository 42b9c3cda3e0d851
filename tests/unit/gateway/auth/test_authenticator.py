"""Handshakes are authenticated in batches; those that cannot be decided on yet wait."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from redis.exceptions import ResponseError

from services.gateway.auth import authenticator as module
from services.gateway.auth.authenticator import Authenticator
from services.gateway.auth.certificates import CertificateOf
from services.gateway.auth.credentials import Mode, Presented, Proof
from services.gateway.known_pairing import KnownPairing
from shared.bus.bus import BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.credentials import digest_of
from shared.contract.names import Names
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import running

KEY = SecretStr("k" * 32)
ONE, TWO = Presented(SecretStr("one")), Presented(SecretStr("two"))
NAMES = Names(1)
TOLD = [b"7", b"7-0123456789abcdef", b"5000000"]
PAIRING = KnownPairing(7, "7-0123456789abcdef", 5.0)


class FakeHandshake:
    """A handshake that waits."""

    def __init__(self) -> None:
        self.is_pending = True
        self.result: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.was_deferred = False
        self.pairing: KnownPairing | None = None
        self.proof: Proof | None = None

    def on_auth_deferred(self) -> None:
        self.was_deferred = True

    def on_auth_result(
        self,
        *,
        admitted: bool,
        registered: bool = False,  # noqa: ARG002 - `test_refused` has it
        pairing: KnownPairing | None = None,
        proof: Proof | None = None,
    ) -> None:
        self.is_pending = False
        self.pairing = pairing
        self.proof = proof
        self.result.set_result(admitted)

    async def admitted(self) -> bool:
        async with asyncio.timeout(30):
            return await self.result


class DirectoryBus(FakeBus):
    """Answers for the script `authenticate` from a directory."""

    def __init__(self) -> None:
        super().__init__()
        self.directory: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.unreadable: dict[str, bytes] = {}
        self.failures = 0
        self.broken: ResponseError | None = None
        self.complete = 1
        self.asked = asyncio.Event()
        self.roles = [b"master"]

    def answer_command(self, words: Sequence[Argument]) -> list[bytes]:
        assert tuple(words) == ("ROLE",)
        return [self.roles.pop() if len(self.roles) > 1 else self.roles[0], b"0"]

    async def run(self, calls: Sequence[Call], *, return_errors: bool = False) -> list[Any]:
        assert return_errors
        self.calls += calls
        answers = [
            [
                self.complete,
                *(p for one in call.arguments for p in (*self._answer(str(one)), TOLD)),
            ]
            for call in calls
        ]
        self.asked.set()
        await asyncio.sleep(0)  # an answer takes a moment, and tells of the past then
        if self.failures:
            self.failures -= 1
            raise BusUnavailableError("away")
        return [self.broken or answer for answer in answers]

    def _answer(self, device_id: str) -> tuple[bytes, bytes]:
        if device_id in self.unreadable:
            return b"registered", self.unreadable[device_id]
        secret = self.secrets.get(device_id)
        registration = self.directory.get(device_id, "unregistered")
        if registration != "registered":
            return registration.encode(), b""
        digests = [digest_of(KEY.get_secret_value(), device_id, secret)] if secret else []
        stored = {"number": 7, "registered": 10**15, "digests": digests}
        return b"registered", json.dumps(stored).encode()


@pytest.fixture
def bus() -> DirectoryBus:
    bus = DirectoryBus()
    bus.directory = {"d1": "registered", "d2": "registered"}
    bus.secrets = {"d1": "one", "d2": "two"}
    return bus


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0)


@asynccontextmanager
async def authenticating(
    bus: DirectoryBus, mode: Mode = "required"
) -> AsyncIterator[Authenticator]:
    authenticator = Authenticator(bus, NAMES, mode=mode, keys=[KEY], rng=NoDelay())
    async with running(authenticator.run()):
        yield authenticator


async def test_devices_that_come_together_are_authenticated_in_one_call_each_by_itself(
    bus: DirectoryBus,
) -> None:
    async with authenticating(bus) as authenticator:
        right, wrong = FakeHandshake(), FakeHandshake()
        authenticator.authenticate_charger(right, "d1", ONE)
        authenticator.authenticate_charger(wrong, "d2", ONE)
        assert await right.admitted()
        assert not await wrong.admitted()
    (call,) = bus.calls
    names = NAMES.chargers[0]
    assert call.keys == (names.directory, names.directory_version, names.credentials)
    assert call.arguments == ["d1", "d2"]


async def test_a_widget_is_looked_up_among_widgets(bus: DirectoryBus) -> None:
    async with authenticating(bus) as authenticator:
        handshake = FakeHandshake()
        authenticator.authenticate_widget(handshake, "d1", ONE)
        assert await handshake.admitted()
    names = NAMES.widgets[0]
    assert bus.calls[0].keys == (names.directory, names.directory_version, names.credentials)


async def test_while_the_directory_is_not_there_no_handshake_is_decided_on(
    bus: DirectoryBus,
) -> None:
    bus.directory["d1"] = "absent"
    async with authenticating(bus) as authenticator:
        handshake, other = FakeHandshake(), FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        authenticator.authenticate_charger(other, "d2", TWO)
        assert await other.admitted()
        assert not handshake.result.done()
        bus.directory["d1"] = "registered"
        assert await handshake.admitted()


async def test_a_redis_that_is_away_is_waited_for(bus: DirectoryBus) -> None:
    bus.failures = 3
    async with authenticating(bus) as authenticator:
        handshake = FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        assert await handshake.admitted()
    assert len(bus.calls) == 4


async def test_one_that_gave_up_is_not_authenticated(bus: DirectoryBus) -> None:
    bus.directory["d1"] = "absent"
    async with authenticating(bus) as authenticator:
        gone, other = FakeHandshake(), FakeHandshake()
        authenticator.authenticate_charger(gone, "d1", ONE)
        async with asyncio.timeout(30):
            await bus.asked.wait()
        gone.is_pending = False
        bus.directory["d1"] = "registered"
        authenticator.authenticate_charger(other, "d2", TWO)
        assert await other.admitted()
        assert not gone.result.done()


@pytest.mark.parametrize(
    "value",
    [
        b"oops",
        b"[]",
        b'{"number":7}',
        b"\xff",
        b"[" * 9000,
        b'{"x":' + b"[" * 9000,
        b'{"number":7,"digests":["\xff"]}',
        '{"number":7,"digests":["\xe4"]}'.encode(),  # not to be compared
    ],
)
async def test_broken_credentials_admit_no_device_and_stop_no_other(
    bus: DirectoryBus, value: bytes
) -> None:
    bus.unreadable["d1"] = value
    async with authenticating(bus) as authenticator:
        handshake, other = FakeHandshake(), FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        authenticator.authenticate_charger(other, "d2", TWO)
        assert await other.admitted()
        assert handshake.was_deferred
        assert not handshake.result.done()
        del bus.unreadable["d1"]
        assert await handshake.admitted()


async def test_a_broken_key_admits_no_device_until_it_is_mended(bus: DirectoryBus) -> None:
    bus.broken = ResponseError("vouch: WRONGTYPE")
    async with authenticating(bus) as authenticator:
        handshake = FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        async with asyncio.timeout(30):
            await bus.asked.wait()
        bus.broken = None
        assert await handshake.admitted()


async def test_a_crowd_is_authenticated_some_at_a_time(
    bus: DirectoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_PER_BATCH", 3)
    async with authenticating(bus) as authenticator:
        crowd = [FakeHandshake() for _ in range(7)]
        for each in crowd:
            authenticator.authenticate_charger(each, "d1", ONE)
        assert [await each.admitted() for each in crowd] == [True] * 7
    assert [len(call.arguments) for call in bus.calls] == [3, 3, 1]


async def test_one_that_cannot_be_decided_on_yet_keeps_no_other_waiting(
    bus: DirectoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 3600)
    bus.directory["d1"] = "absent"
    async with authenticating(bus) as authenticator:
        handshake, other = FakeHandshake(), FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        async with asyncio.timeout(30):
            while not handshake.was_deferred:  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0)
        authenticator.authenticate_charger(other, "d2", TWO)
        assert await other.admitted()


async def test_while_redis_is_away_all_handshakes_are_deferred(bus: DirectoryBus) -> None:
    bus.failures = 1_000_000
    async with authenticating(bus) as authenticator:
        crowd = [FakeHandshake() for _ in range(7)]
        for each in crowd:
            authenticator.authenticate_charger(each, "d1", ONE)
        async with asyncio.timeout(30):
            while not all(each.was_deferred for each in crowd):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)


async def test_no_handshake_is_decided_on_by_a_replica(bus: DirectoryBus) -> None:
    bus.roles = [b"master", b"slave"]
    async with authenticating(bus) as authenticator:
        handshake = FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        assert await handshake.admitted()
    assert bus.dropped_because == ["it is a replica"]
    assert len(bus.calls) == 1


async def test_an_unknown_id_is_as_much_work_as_a_wrong_secret(
    bus: DirectoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []
    really_decode = module._decode_credentials

    def decode(text: bytes) -> Any:
        decoded.append(text)
        return really_decode(text)

    monkeypatch.setattr(module, "_decode_credentials", decode)
    async with authenticating(bus) as authenticator:
        for device in ("d1", "unknown"):
            handshake = FakeHandshake()
            authenticator.authenticate_charger(handshake, device, TWO)
            assert not await handshake.admitted()
    known, unknown = decoded
    assert len(known) == pytest.approx(len(unknown), abs=8)  # but for spaces


async def test_what_is_broken_is_said_once_and_without_what_was_found(
    bus: DirectoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.unreadable = {"d1": b'"a digest, say"', "d3": b'"a digest, say"'}
    async with authenticating(bus) as authenticator:
        crowd = [FakeHandshake() for _ in range(2)]
        for device in ("d1", "d3"):
            authenticator.authenticate_charger(crowd[0], device, ONE)
            authenticator.authenticate_charger(crowd[1], device, ONE)
        other = FakeHandshake()
        authenticator.authenticate_charger(other, "d2", TWO)
        assert await other.admitted()
    out, err = capsys.readouterr()
    said = out + err
    assert said.count("credentials cannot be read") == 1
    assert "d1" in said
    assert "digest, say" not in said


def test_no_secret_shows_in_what_is_printed_of_an_request() -> None:
    secret = SecretStr("opensesame")
    owner, names = CertificateOf.NOBODY, NAMES.chargers[0]
    request = module._Request(None, "d1", secret, owner, names)  # type: ignore[arg-type]
    assert "opensesame" not in repr(request)


async def test_a_charger_is_admitted_with_its_pairing(bus: DirectoryBus) -> None:
    async with authenticating(bus) as authenticator:
        handshake = FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        assert await handshake.admitted()
    assert handshake.pairing == PAIRING


@pytest.mark.parametrize("device", ["d1", "unknown", "broken"])
async def test_where_no_secrets_are_asked_for_only_the_pairing_is_read(
    bus: DirectoryBus, device: str
) -> None:
    bus.unreadable["broken"] = b"oops"
    async with authenticating(bus, "off") as authenticator:
        handshake = FakeHandshake()
        authenticator.authenticate_charger(handshake, device, TWO)
        assert await handshake.admitted()
    assert handshake.pairing == PAIRING


async def test_where_no_secrets_are_asked_for_the_pairing_is_read_again_on_a_new_connection(
    bus: DirectoryBus,
) -> None:
    bus.failures = 1
    async with authenticating(bus, "off") as authenticator:
        handshake = FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        assert await handshake.admitted()
    assert handshake.pairing == PAIRING
    assert len(bus.calls) == 2


async def test_where_no_secrets_are_asked_for_a_broken_key_keeps_nobody_out(
    bus: DirectoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.01)
    bus.broken = ResponseError("authenticate: WRONGTYPE")
    async with authenticating(bus, "off") as authenticator:
        handshake = FakeHandshake()
        authenticator.authenticate_charger(handshake, "d1", ONE)
        assert await handshake.admitted()
    assert handshake.pairing is None


async def test_where_no_secrets_are_asked_for_a_redis_that_hangs_is_waited_for_a_moment(
    bus: DirectoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.01)
    authenticator = Authenticator(bus, NAMES, mode="off", keys=[KEY], rng=NoDelay())
    first, second = FakeHandshake(), FakeHandshake()
    authenticator.authenticate_charger(first, "d1", ONE)
    await asyncio.sleep(0.005)
    authenticator.authenticate_charger(second, "d2", ONE)
    assert await first.admitted()
    assert await second.admitted()
    assert first.pairing is None
    assert bus.calls == []
