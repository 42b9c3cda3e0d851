"""People are told by apprise, and no password of it is shown."""

import asyncio
import json
import random
from base64 import b64decode

from pydantic import SecretStr
from structlog.testing import capture_logs

from services.registry.notify import outbox
from services.registry.notify.delivery import Delivery
from services.registry.notify.destinations import destinations_of
from services.registry.notify.events import About, Draft, Kind
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Troubles
from tests.fixtures.receiver import Receiver
from tests.integration.registry.conftest import By, StartRegistry, eventually
from tests.integration.registry.notify.conftest import SECRET, telling

PASSWORD = "Zq7wKx9v"


def ntfy(receiver: Receiver) -> str:
    return f"ntfy://booth:{PASSWORD}@127.0.0.1:{receiver.port}/alerts"


async def test_a_self_hosted_ntfy_gets_what_happens(
    start_registry: StartRegistry, by_hand: By, receiver: Receiver
) -> None:
    await start_registry(notify_channels=SecretStr(ntfy(receiver)), ready_minutes=10)
    await by_hand.execute("INSERT INTO chargers (id, label) VALUES ('c1', 'Booth 3')")
    await by_hand.execute(
        "INSERT INTO rentals (id, charger_id, widget_id, ticket, pairing_number, reached_100_at)"
        " VALUES (gen_random_uuid(), 'c1', 'w1', '0815', 1, now() - interval '11 minutes')"
    )

    async def is_told() -> bool:
        return bool(receiver.taken)

    await eventually(is_told)
    (received,) = receiver.taken
    told = json.loads(received.body)
    assert told["topic"] == "alerts"
    assert told["title"] == "Phone ready in c1 (Booth 3)"
    assert "w1" in told["message"]
    assert "0815" not in received.body.decode()
    scheme, _, login = received.headers["authorization"].partition(" ")
    assert (scheme, b64decode(login).decode()) == ("Basic", f"booth:{PASSWORD}")


async def test_no_more_messages_are_claimed_than_are_sent_at_once(
    database: Database, receiver: Receiver
) -> None:
    (destination,) = destinations_of([], "", [ntfy(receiver)], allow_private=False)
    async with database.write_transaction(REGISTRY) as connection:
        drafts = [Draft(Kind.CHARGER_SILENT, About.CHARGER, device) for device in ("c1", "c2")]
        await outbox.write(connection, [destination.name], drafts)
    delivery = Delivery(destination, database, asyncio.Lock(), Troubles(), random.Random(1))
    assert [await delivery.deliver_some() for _ in range(3)] == [1, 1, 0]


async def test_a_test_says_of_each_destination_what_happened_and_quotes_no_password(
    start_registry: StartRegistry, receiver: Receiver
) -> None:
    refusing = Receiver(status=403)
    await refusing.come()
    urls = f"{ntfy(receiver)} {ntfy(refusing)} ntfy://me:{PASSWORD}@127.0.0.1:1/alerts"
    with capture_logs() as logs:
        registry = await start_registry(notify_channels=SecretStr(urls), **telling(receiver))
        answer = await registry.send("POST", "/notifications/tests")
        support = await registry.send("GET", "/support")
    await refusing.go()
    assert answer.status_code == 200
    tried = {each["where"]: each for each in answer.json()["items"]}
    assert len(answer.json()["items"]) == 4
    assert [each["error"] for each in answer.json()["items"]] == [
        None,
        None,
        "it answered with HTTP 403",
        "it was not reached, or refused",
    ]
    assert set(tried) == {f"http://127.0.0.1:{receiver.port}/…", "ntfy://…"}
    shown = answer.text + support.text + json.dumps(logs, default=str)
    assert PASSWORD not in shown
    assert SECRET not in shown


async def test_without_destinations_a_test_says_what_to_set(start_registry: StartRegistry) -> None:
    registry = await start_registry()
    answer = await registry.send("POST", "/notifications/tests")
    assert answer.status_code == 409
    assert "CHARGELIGHT_REGISTRY_WEBHOOKS" in answer.json()["detail"]


def test_the_name_of_a_destination_stays_and_tells_it_from_others() -> None:
    urls = [f"ntfy://booth:{PASSWORD}@ntfy.local/{topic}" for topic in ("a", "b")]
    names = [[each.name for each in destinations_of([], "", urls, allow_private=False)]] * 2
    assert names[0] == names[1]
    assert len(set(names[0])) == 2
    assert all(name.startswith("ntfy-") for name in names[0])
