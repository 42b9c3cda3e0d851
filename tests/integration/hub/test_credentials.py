"""Secrets of devices, where they are asked for: HTTP 401 before the handshake is answered."""

import asyncio
import base64

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.gateway.app import Gateway
from services.gateway.settings import GatewaySettings
from shared.contract.credentials import digest_of
from shared.process.runtime import CannotServeError
from tests.fixtures import raw_frames
from tests.fixtures.redis_at import url_of
from tests.fixtures.secured import open_port
from tests.integration.hub.booth import (
    CHARGED,
    SOON,
    Booth,
    Stored,
    close_code,
    reading,
    receipt,
    received,
)
from tests.integration.hub.conftest import StartGateway, StartRouter

KEY = "a key for tests, of 32 characters"
SECRET = "open sesame"
NO_SECRET = '{"number":1,"digests":[]}'


@pytest.fixture
async def guarded(stored: Stored, start_gateway: StartGateway, start_router: StartRouter) -> Booth:
    """A gateway that requires credentials; c1234 has two secrets, as during a rotation."""
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    digests = [digest_of(KEY, "c1234", "an older one"), digest_of(KEY, "c1234", SECRET)]
    await stored.put_credentials(stored.names.of_charger("c1234"), "c1234", *digests)
    await stored.client.hset(stored.names.of_widget("wABCD").credentials, "wABCD", NO_SECRET)
    await start_router()
    return await start_gateway(device_auth="required", credential_key=KEY)


def _basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


async def _put_digest(stored: Stored, key: str) -> None:
    digest = digest_of(key, "c1234", SECRET)
    await stored.put_credentials(stored.names.of_charger("c1234"), "c1234", digest)


async def _status(connecting: connect) -> int:
    try:
        async with connecting:
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(
    "authorization",
    [_basic("c1234", SECRET), f"Bearer {SECRET}", f"bearer {SECRET}", "Bearer an older one"],
)
async def test_a_charger_with_its_secret_is_served(
    guarded: Booth, stored: Stored, authorization: str
) -> None:
    async with guarded.charger("c1234", authorization) as charger:
        await charger.send(reading(100))
        await stored.until(lambda: stored.status("wABCD"))


async def test_the_authorization_key_of_an_ocpp_charger_is_registered_in_hex(
    guarded: Booth, stored: Stored
) -> None:
    key = bytes.fromhex("00112233aabbccddeeff0a0d3a7f808182838485")
    digest = digest_of(KEY, "c1234", key.hex())
    await stored.put_credentials(stored.names.of_charger("c1234"), "c1234", digest)

    def connecting(sent: bytes) -> connect:
        own = f"Basic {base64.b64encode(b'c1234:' + sent).decode()}"
        return guarded.charger("c1234", own, "ocpp1.6")

    async with connecting(key) as charger:
        await charger.send('[2,"1","Heartbeat",{}]')
        assert "currentTime" in await received(charger)
    assert await _status(connecting(key[:-1])) == 401
    assert await _status(connecting(key.hex().encode())) == 101, "it may be sent as it is typed"


@pytest.mark.parametrize(
    ("charger_id", "authorization"),
    [
        ("c1234", None),
        ("c1234", "Bearer wrong"),
        ("c1234", _basic("c1234", "wrong")),
        ("c1234", _basic("c5678", SECRET)),
        ("c1234", "Basic not-base64!"),
        ("c1234", "Digest x"),
        ("unknown", f"Bearer {SECRET}"),
        ("unknown", None),
    ],
)
async def test_a_wrong_secret_and_an_unknown_id_get_the_same_401(
    guarded: Booth, charger_id: str, authorization: str | None
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await guarded.charger(charger_id, authorization)
    response = refused.value.response
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="chargelight"'
    assert b"unknown" not in response.body


async def test_where_secrets_are_optional_only_who_has_one_must_present_it(
    guarded: Booth, start_gateway: StartGateway
) -> None:
    booth = await start_gateway(device_auth="optional", credential_key=KEY)
    assert await _status(booth.charger("c1234")) == 401
    async with (
        booth.widget("wABCD") as widget,
        guarded.charger("c1234", f"Bearer {SECRET}") as charger,
    ):
        await charger.send(reading(100))
        assert await received(widget) == CHARGED
    async with booth.charger("unknown") as unknown:
        assert await close_code(unknown) == 4404


async def test_frames_sent_before_the_secret_is_checked_count(
    guarded: Booth, stored: Stored
) -> None:
    head = raw_frames.handshake("/chargers/c1234", f"Authorization: Bearer {SECRET}")
    _, writer = await open_port(guarded.host, guarded.charger_port)
    writer.write(head + raw_frames.reading(55))
    await stored.until(lambda: stored.level("c1234"))
    assert await stored.level("c1234") == 55
    writer.close()


async def test_without_a_directory_nobody_is_refused_as_unknown(
    start_gateway: StartGateway,
) -> None:
    booth = await start_gateway(device_auth="required", credential_key=KEY, handshake_seconds=1.0)
    with pytest.raises(InvalidStatus) as refused:
        await booth.charger("c1234")
    assert refused.value.response.status_code == 503
    assert "Retry-After" in refused.value.response.headers


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_a_device_whose_credentials_are_missing_is_asked_to_come_again(
    stored: Stored, start_gateway: StartGateway, mode: str
) -> None:
    # As after a Redis that was emptied between its credentials and its entry.
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    names = stored.names.of_charger("c1234")
    await stored.client.hdel(names.credentials, "c1234")
    booth = await start_gateway(device_auth=mode, credential_key=KEY, handshake_seconds=1.0)
    assert await _status(booth.charger("c1234")) == 503


async def test_broken_credentials_end_no_gateway(
    stored: Stored, start_gateway: StartGateway
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    await stored.client.hset(stored.names.of_charger("c1234").credentials, "c1234", "oops")
    broken = stored.names.of_widget("wABCD").credentials
    await stored.client.delete(broken)
    await stored.client.set(broken, "mine")
    booth = await start_gateway(device_auth="required", credential_key=KEY, handshake_seconds=1.0)
    for connected in (booth.charger("c1234"), booth.widget("wABCD")):
        assert await _status(connected) == 503


async def test_a_digest_that_cannot_be_compared_ends_no_gateway(
    guarded: Booth, stored: Stored
) -> None:
    await stored.put_credentials(stored.names.of_widget("wABCD"), "wABCD", "\xe4")
    waiting = asyncio.create_task(_status(guarded.widget("wABCD")))
    async with guarded.charger("c1234", f"Bearer {SECRET}") as charger:
        await charger.send(reading(100))
        await stored.until(lambda: stored.status("wABCD"))
    assert await waiting == 503


async def test_who_proves_who_it_is_need_not_wait_for_the_rest_of_the_directory(
    stored: Stored, start_gateway: StartGateway
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await _put_digest(stored, KEY)
    booth = await start_gateway(device_auth="required", credential_key=KEY)
    async with booth.charger("c1234", f"Bearer {SECRET}") as charger:
        await charger.send(reading(100))
        await receipt(charger)


async def test_no_more_than_may_wait_wait_at_the_door(start_gateway: StartGateway) -> None:
    booth = await start_gateway(
        device_auth="required", credential_key=KEY, handshake_seconds=60, max_waiting=5
    )
    crowd = {asyncio.create_task(_status(booth.charger(f"c{number}"))) for number in range(50)}
    refused: set[int | None] = set()
    async with asyncio.timeout(SOON):
        while len(crowd) > 5:
            done, crowd = await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
            refused |= {one.result() for one in done}
    assert refused == {503}
    # They wait until the gateway stops, and are told so.
    await booth.stop()
    async with asyncio.timeout(SOON):
        assert await asyncio.gather(*crowd) == [503] * 5


async def test_which_ids_exist_is_not_told_while_the_directory_is_incomplete(
    stored: Stored, start_gateway: StartGateway
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await _put_digest(stored, KEY)
    booth = await start_gateway(device_auth="required", credential_key=KEY, handshake_seconds=1.0)
    for charger in ("c1234", "c9999"):
        assert await _status(booth.charger(charger)) == 503


async def test_digests_of_a_former_key_keep_a_device_from_entering_without_a_secret(
    stored: Stored, start_gateway: StartGateway
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    await _put_digest(stored, "a former key")
    booth = await start_gateway(device_auth="optional", credential_key=KEY)
    assert await _status(booth.charger("c1234")) == 401


async def test_a_gateway_with_another_key_does_not_start(
    stored: Stored, start_gateway: StartGateway, redis_url: str
) -> None:
    await stored.complete()
    await start_gateway(device_auth="required", credential_key=KEY)
    settings = GatewaySettings(
        redis_url=url_of("gateway", redis_url),
        device_auth="required",
        credential_key=SecretStr("k" * 32),
    )
    other = Gateway(settings)
    with pytest.raises(CannotServeError) as refused:
        await other.check.wait_and_agree()
    await other.check.bus.close()
    assert "CHARGELIGHT_CREDENTIAL_KEY" in str(refused.value)
    assert "k" * 32 not in str(refused.value)
    assert KEY not in str(refused.value)
