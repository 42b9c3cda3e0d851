import pytest

from services.gateway.connection.handshake_rules import device_id_of
from services.gateway.ocpp.negotiation import (
    NATIVE,
    REFUSED,
    Choice,
    Version,
    begins_call,
    choose,
    path_of,
)
from shared.contract.device_protocol import CHARGER_PATHS
from shared.contract.devices import is_device_id


@pytest.mark.parametrize("headers", [[], [""], [" , "], ["chat"], ["mqtt, v2.ocpp"], ["xocpp1.6"]])
def test_without_a_name_of_ocpp_it_is_our_own_dialect(headers: list[str]) -> None:
    assert choose(headers) == NATIVE == Choice(None, None, is_refused=False)


@pytest.mark.parametrize("version", Version)
def test_a_known_version_is_chosen(version: Version) -> None:
    assert choose([version.value]) == Choice(version, version.value)


@pytest.mark.parametrize(
    ("headers", "choice"),
    [
        (["ocpp2.0.1, ocpp1.6"], Choice(Version.V201, "ocpp2.0.1")),
        (["ocpp1.6,ocpp2.0.1"], Choice(Version.V16, "ocpp1.6")),
        (["ocpp1.6", "ocpp2.1"], Choice(Version.V16, "ocpp1.6")),
        (["ocpp1.5, chat", "ocpp2.1"], Choice(Version.V21, "ocpp2.1")),
    ],
)
def test_the_first_known_one_in_the_chargers_order_counts(
    headers: list[str], choice: Choice
) -> None:
    assert choose(headers) == choice


def test_capitals_do_not_matter_and_are_echoed() -> None:
    assert choose(["OCPP1.6"]) == Choice(Version.V16, "OCPP1.6")


@pytest.mark.parametrize("headers", [["ocpp1.5"], ["ocpp2.0"], ["OCPP"], ["chat, ocpp1.2"]])
def test_only_unknown_versions_are_refused_without_a_header(headers: list[str]) -> None:
    choice = choose(headers)
    assert choice == REFUSED
    assert choice.is_refused
    assert choice.subprotocol is None


@pytest.mark.parametrize(
    ("target", "device_id"),
    [
        ("/chargers/c1234", "c1234"),
        ("/chargers/c1234/", "c1234"),
        ("//chargers/c1234", "c1234"),
        ("/chargers//c1234/", "c1234"),
        ("/chargers/c%31234", "c1234"),
        ("/chargers%2Fc1234", "c1234"),
        ("ws://hub:3100/chargers/c1234?x=1", "c1234"),
        ("/chargers/c1234//", "c1234"),
        ("/chargers/c1234///", None),
        ("/chargers///c1234", None),
        ("/chargers/c%2531234", None),
        ("/chargers/%%32%35", None),
        ("/chargers/c1234:2", None),
        ("/chargers/c1234%3A2", None),
        ("/chargers/", None),
    ],
)
def test_the_path_may_differ_once_each_in_slashes_and_escapes(
    target: str, device_id: str | None
) -> None:
    (prefix,) = CHARGER_PATHS
    path = path_of(target)
    found = path.removeprefix(prefix) if path.startswith(prefix) else ""
    assert (found if is_device_id(found) else None) == device_id


def test_our_own_devices_paths_are_read_as_ever() -> None:
    assert device_id_of("/chargers//c1/", CHARGER_PATHS) is None
    assert device_id_of("/chargers%2Fc1", CHARGER_PATHS) is None


@pytest.mark.parametrize("message", [b'[2,"1","Heartbeat",{}]', b' [ 2 , "1"]', b"[2,"])
def test_a_first_message_can_show_that_a_charger_speaks_ocpp(message: bytes) -> None:
    assert begins_call(message)


@pytest.mark.parametrize(
    "message", [b'{"event":"StateOfCharge","data":{"soc":70}}', b"[3,", b"[22,", b"[2]", b"", b"2,"]
)
def test_no_other_first_message_shows_it(message: bytes) -> None:
    assert not begins_call(message)
