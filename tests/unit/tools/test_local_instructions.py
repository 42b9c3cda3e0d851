"""What a person is told to type next."""

import shlex

from shared.contract.names import Names
from tools.local.instructions import Commands, describe_access, instructions

COMMANDS = Commands(
    "simulate", "chargelight", "redis-cli -p 1", "show logs", "http://127.0.0.1:3300"
)


def _commands(partitions: int) -> list[list[str]]:
    text = instructions(COMMANDS, partitions, {})
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    return [shlex.split(line, comments=True) for line in lines]


def test_every_command_can_be_pasted_into_a_shell() -> None:
    assert ["simulate", "charger", "c1234", "70"] in _commands(64)
    assert ["redis-cli", "-p", "1", "PSUBSCRIBE", "chargelight:*"] in _commands(64)


def test_keys_are_those_of_the_seeded_pair() -> None:
    for partitions in (1, 64):
        live = Names(partitions).of_charger("c1234").live
        assert ["redis-cli", "-p", "1", "HGETALL", live] in _commands(partitions)


def test_an_open_hub_says_so_in_one_line() -> None:
    (line,) = [x for x in instructions(COMMANDS, 64, {}).splitlines() if x.startswith("OPEN")]
    assert "without a secret" in line
    assert "without a key" in line


def test_a_closed_one_says_what_it_asks_for() -> None:
    line = describe_access({"CHARGELIGHT_DEVICE_AUTH": "required"})
    assert line == "Secrets of devices: required. API keys of operators: off."
