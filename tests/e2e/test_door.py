"""Who shuts others out at the door: an honest device connects all the same, and REST answers.

The figures of a machine: ``make bench ARGS=door``.
"""

from pathlib import Path
from typing import Final

from tests.e2e.door.attacker import CUT_OFF, ENCRYPTED
from tests.e2e.door.attacks import ATTACKS
from tests.e2e.door.watch import SETTINGS, Door, open_door
from tests.fixtures.hub import StartHub

PAIRS = 5
SECONDS = 2.5
"""Of each attack: more than handshakes wait because those of the attack before have failed."""
LONGEST_SECONDS = 5.0
"""That an honest device, an operator or a light may wait."""
CONNECTS_PER_MINUTE = 60
LET_IN, WRONG, TOO_MANY, NO_ROOM = 101, 401, 429, 503
ANSWERS: Final = {
    "silent sockets": set[int](),
    "silent in TLS handshakes": {ENCRYPTED},
    "slots of one id": {LET_IN, TOO_MANY},
    "reconnects of one id": {LET_IN, TOO_MANY},
    "wrong secrets": {WRONG},
    "wrong API keys": {WRONG, NO_ROOM},
    "TLS handshakes": {ENCRYPTED},
    "begun TLS handshakes": {ENCRYPTED},
}
"""What attackers may get."""


async def test_an_honest_device_gets_in_and_rest_answers_during_each_attack(
    hub: StartHub, tmp_path: Path
) -> None:
    running = await hub(gateways=0, routers=0, settings=SETTINGS)
    async with open_door(running, tmp_path / "ca", PAIRS) as door:
        # One after the other, as each has the machine for itself. All are tried, so that one
        # that gets through does not hide another one.
        faults = {name: fault for name in ATTACKS if (fault := await under(door, name))}
    assert not faults


async def under(door: Door, name: str) -> str:
    """Attack; return what should not have been."""
    await door.begin(name)
    noticed = await door.look_on(ATTACKS[name], SECONDS)
    told = await door.end()
    answers = {int(status): count for status, count in told["answers"].items()}
    longest = [max(each) for each in (noticed.connects, noticed.answers, noticed.lights)]
    if max(longest) > LONGEST_SECONDS:
        return f"device in, REST, light after at most {longest} s"
    if not answers or not answers.keys() <= ANSWERS[name] | {CUT_OFF}:
        return f"the attacker got {answers}"
    if answers.get(LET_IN, 0) > CONNECTS_PER_MINUTE:
        return f"one id was let in more often than it may: {answers}"
    return ""
