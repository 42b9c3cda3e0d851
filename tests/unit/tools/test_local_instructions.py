"""What a person is told to type next."""

import shlex
from dataclasses import replace

from shared.contract.names import Names
from tools.local.access import describe_access
from tools.local.instructions import Commands, instructions

COMMANDS = Commands(
    "simulate",
    "chargelight",
    "redis-cli -p 1",
    "show logs",
    "http://127.0.0.1:3300",
    "http://192.168.1.5:3300/console/",
    "POSTGRES=here registry backup hub.backup",
)


def test_a_terminal_that_needs_settings_reads_them_first() -> None:
    text = instructions(replace(COMMANDS, setup=". ./hub.env"), 64, {"CHARGELIGHT_CLI_KEY": "k3y"})
    commands = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert commands[0].startswith(". ./hub.env ")
    assert any("Bearer $CHARGELIGHT_CLI_KEY" in each for each in commands)
    assert "k3y" not in text


def test_the_console_is_shown_and_how_to_sign_in_where_a_key_is_needed() -> None:
    shown = "in a browser: http://192.168.1.5:3300/console/"
    text = instructions(COMMANDS, 64, {})
    assert shown in text
    assert "Sign in" not in text
    needed = replace(COMMANDS, setup=". ./hub.env")
    text = instructions(needed, 64, {"CHARGELIGHT_CLI_KEY": "k3y"})
    assert shown in text
    assert 'prints: . ./hub.env; echo "$CHARGELIGHT_CLI_KEY"' in text


def test_health_ports_that_are_not_the_usual_ones_are_printed() -> None:
    ready = {"gateway-1": "http://127.0.0.1:17342/readyz"}
    text = instructions(replace(COMMANDS, ready=ready), 64, {})
    assert "curl http://127.0.0.1:17342/readyz   # is gateway-1 ready?" in text
    assert "readyz" not in instructions(COMMANDS, 64, {})


def test_others_are_told_how_their_devices_connect() -> None:
    others = replace(COMMANDS, devices=("ws://10.0.0.5:3100", "ws://10.0.0.5:3200"))
    text = instructions(others, 64, {"CHARGELIGHT_DEVICE_AUTH": "required"})
    for said in (
        "ws://10.0.0.5:3100/chargers/c1234",
        "ws://10.0.0.5:3200/widgets/wABCD",
        "Authorization: Bearer SECRET",
        "chargelight chargers secret generate c1234",
    ):
        assert said in text
    assert "Devices connect to" not in instructions(COMMANDS, 64, {})
    assert "trust the hub" not in text
    secure = {"CHARGELIGHT_GATEWAY_TLS_KEY": "hub.key", "SSL_CERT_FILE": "ca/ca.crt"}
    text = instructions(others, 64, secure)
    assert "trust the hub by the CA's certificate: ca/ca.crt" in text
    assert 'curl --cacert "$SSL_CERT_FILE" http://127.0.0.1:3300/pairings/c1234' in text


def _commands(partitions: int) -> list[list[str]]:
    text = instructions(COMMANDS, partitions, {})
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    return [shlex.split(line, comments=True) for line in lines]


def test_every_command_can_be_pasted_into_a_shell() -> None:
    assert ["simulate", "charger", "c1234", "70"] in _commands(64)
    assert ["chargelight", "hub", "--watch"] in _commands(64)
    assert ["redis-cli", "-p", "1", "PSUBSCRIBE", "chargelight:*"] in _commands(64)
    assert ["POSTGRES=here", "registry", "backup", "hub.backup"] in _commands(64)


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
