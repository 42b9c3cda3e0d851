"""Where a server comes from: the order, and the reasons."""

import pytest

from tools.servers.server_source import (
    Availability,
    Choice,
    ServerSource,
    UnknownSourceError,
    choose,
    forced_source,
)

YES = Availability(available=True, reason="an engine answers")
NO = Availability(available=False, reason="no engine answers")


def test_a_given_address_comes_first() -> None:
    choice = choose(given_by="THE_URL", forced_by="THE_FORCE", forced=None, containers=YES)
    assert choice == Choice(ServerSource.GIVEN, "THE_URL is set")


def test_containers_come_second() -> None:
    choice = choose(given_by=None, forced_by="THE_FORCE", forced=None, containers=YES)
    assert choice == Choice(ServerSource.CONTAINERS, "an engine answers")


def test_without_an_engine_servers_are_embedded() -> None:
    choice = choose(given_by=None, forced_by="THE_FORCE", forced=None, containers=NO)
    assert choice == Choice(ServerSource.EMBEDDED, "no engine answers")


@pytest.mark.parametrize("source", [ServerSource.CONTAINERS, ServerSource.EMBEDDED])
def test_a_forced_source_wins_over_everything(source: ServerSource) -> None:
    choice = choose(given_by="THE_URL", forced_by="THE_FORCE", forced=source, containers=NO)
    assert choice == Choice(source, f"THE_FORCE={source}")


@pytest.mark.parametrize("value", [None, "", "auto"])
def test_the_choice_can_be_left_open(value: str | None) -> None:
    assert forced_source("SETTING", value) is None


@pytest.mark.parametrize("value", ["docker", "given", "Embedded"])
def test_an_unknown_source_is_named_with_its_setting(value: str) -> None:
    with pytest.raises(UnknownSourceError, match=f"SETTING is '{value}'.*containers, embedded"):
        forced_source("SETTING", value)
