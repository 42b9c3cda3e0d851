"""A device that is refused is told from one without power."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.registry.live.redis_values import refused_items
from services.registry.live.refused import RefusedHandshake, shown
from shared.contract.devices import Kind
from tests.unit.registry.test_explanation import NOW, SECOND, SITUATIONS, explained

LEFT = 90 * SECOND
"""How long ago the charger of the situation left."""


def refused(item: str, ago: int = 10 * SECOND) -> RefusedHandshake:
    times = b'{"count":3,"at":%d,"gateway":"gateway-a"}' % (NOW - ago)
    (found,) = refused_items({item.encode(): times})
    return shown(found)


def offline(*items: RefusedHandshake) -> dict[str, Any]:
    return {**SITUATIONS["offline charger"], "refused": items}


@pytest.mark.parametrize(
    ("item", "verdict", "remedy"),
    [
        (
            "charger unauthorized 10.0.0.7 /chargers/c1234",
            "no secret or certificate, or a wrong one",
            "generate",
        ),
        ("charger origin 10.0.0.7 /chargers/c1234", "Origin header", "CHARGELIGHT_ALLOWED_HOSTS"),
        ("charger wrong_path 10.0.0.7 /charger/c1234", "for /charger/c1234", "/chargers/c1234"),
        ("widget wrong_path 10.0.0.7 /chargers/c1234", "the widget port", "the charger port"),
        ("charger not_registered 10.0.0.7 /chargers/C1234", "itself C1234", "itself c1234"),
        ("charger not_registered 10.0.0.7 /chargers/c1234", "was not registered", "by itself"),
        ("charger not_websocket 10.0.0.7 /chargers/c1234", "no WebSocket", "docs/protocol.md"),
    ],
)
def test_an_offline_device_that_is_refused_is_not_told_to_look_for_power(
    item: str, verdict: str, remedy: str
) -> None:
    explanation = explained(Kind.CHARGER, **offline(refused(item)))
    assert verdict in explanation.verdict
    assert remedy in (explanation.remedy or "")
    assert "power" not in (explanation.remedy or "")
    (finding,) = [each for each in explanation.findings if each.about == "refused"]
    assert "3 times" in finding.text
    assert "from 10.0.0.7" in finding.text


@pytest.mark.parametrize(
    "others",
    [
        [],
        [refused("charger unauthorized 10.0.0.7 /chargers/c12345")],
        # It has been connected since.
        [refused("charger unauthorized 10.0.0.7 /chargers/c1234", LEFT + SECOND)],
    ],
)
def test_what_was_refused_of_others_or_long_ago_explains_nothing(
    others: list[RefusedHandshake],
) -> None:
    explanation = explained(Kind.CHARGER, **offline(*others))
    assert explanation == explained(Kind.CHARGER, **offline())
    assert "power" in (explanation.remedy or "")


def test_one_that_is_refused_before_it_says_its_id_may_be_this_one() -> None:
    explanation = explained(Kind.CHARGER, **offline(refused("charger tls 10.0.0.7 ")))
    (finding,) = [each for each in explanation.findings if each.about == "refused"]
    assert finding.mark == "note"
    assert finding.text.startswith("perhaps this one: tls, 3 times")


def test_a_single_refusal_is_one_time() -> None:
    single = refused("charger tls 10.0.0.7 ").model_copy(update={"count": 1})
    explanation = explained(Kind.CHARGER, **offline(single))
    (finding,) = [each for each in explanation.findings if each.about == "refused"]
    assert "tls, 1 time, last at" in finding.text


def test_a_device_that_is_online_is_not_refused() -> None:
    once = refused("charger unauthorized 10.0.0.7 /chargers/c1234")
    assert explained(Kind.CHARGER, refused=[once]) == explained(Kind.CHARGER)


def test_one_that_is_not_registered_is_shown_to_try() -> None:
    tries = [refused("charger not_registered 10.0.0.7 /chargers/c1234")]
    explanation = explained(Kind.CHARGER, **SITUATIONS["unregistered"], refused=tries)
    assert "register" in (explanation.remedy or "")
    assert explanation.findings[-1].text.startswith("not_registered, 3 times")


def test_since_when_it_was_counted_is_said_if_its_gateway_wrote_it() -> None:
    item = b"charger tls 10.0.0.7 "
    (new,) = refused_items({item: b'{"count":3,"at":9000000,"gateway":"g","since":2000000}'})
    (old,) = refused_items({item: b'{"count":3,"at":9000000,"gateway":"g"}'})
    assert shown(new).since == datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert shown(old).since is None


def test_what_was_written_by_hand_is_left_out() -> None:
    good = b'{"count":1,"at":5,"gateway":"g"}'
    found = {b"hello": good, b"charger tls a ": b"no json", b"charger tls b ": good}
    assert [item.address for item in refused_items(found)] == ["b"]
    assert refused_items({b"a b c \xff": good})[0].path == "\ufffd"
