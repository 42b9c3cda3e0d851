import pytest

from shared.contract.connectors import (
    MOST_CONNECTORS,
    Connector,
    connector_id,
    read_connector_id,
)


def test_the_first_connector_has_the_id_of_its_charger() -> None:
    assert connector_id("c1234", 1) == "c1234"
    assert read_connector_id("c1234") == Connector("c1234", 1)


@pytest.mark.parametrize("number", [2, 9, 10, MOST_CONNECTORS])
def test_another_connector_has_its_number_behind_a_colon(number: int) -> None:
    assert connector_id("c1234", number) == f"c1234:{number}"
    assert read_connector_id(f"c1234:{number}") == Connector("c1234", number)


@pytest.mark.parametrize("number", [0, -1, MOST_CONNECTORS + 1, 2**63 - 1])
def test_the_charger_as_a_whole_and_numbers_that_are_too_great_are_no_connector(
    number: int,
) -> None:
    assert connector_id("c1234", number) is None


@pytest.mark.parametrize(
    "text",
    ["c1234:1", "c1234:0", "c1234:100", "c1234:02", "c1234:", "c1234:x", "c1:2:2", ":2", "", "c:²"],
)
def test_no_other_text_is_the_id_of_a_connector(text: str) -> None:
    assert read_connector_id(text) is None


def test_the_longest_id_of_a_charger_may_have_connectors() -> None:
    longest = "c" * 64
    assert read_connector_id(f"{longest}:99") == Connector(longest, 99)
    assert read_connector_id(f"{longest}c:99") is None
