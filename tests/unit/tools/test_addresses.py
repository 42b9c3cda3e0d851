"""Addresses are shown without passwords."""

import pytest

from tools.servers.addresses import without_password
from tools.servers.postgres.databases import dsn_of


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("postgresql://me:secr%40t@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql://me@a,b/db?password=secret", "postgresql://me@a,b/db"),
        ("unix://:secret@/run/redis.sock?db=1", "unix://:***@/run/redis.sock"),
        ("rediss://me@host/1", "rediss://me@host/1"),
    ],
)
def test_a_password_is_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown


@pytest.mark.parametrize(
    "address",
    ["redis://:sec/ret@host", "postgresql://me:sec@ret@host/db", "host=a password=secret"],
)
def test_what_cannot_be_read_is_not_shown_at_all(address: str) -> None:
    assert "an address that is not shown" in without_password(address)
    assert "ret" not in without_password(address)


def test_another_database_of_the_same_server_has_the_same_address_otherwise() -> None:
    dsn = "postgresql://me:pw@host:5432/one?sslmode=require"
    assert dsn_of(dsn, "two") == "postgresql://me:pw@host:5432/two?sslmode=require"


def test_an_address_of_another_form_is_refused_with_the_form_it_should_have() -> None:
    with pytest.raises(ValueError, match="postgresql://user:password@host"):
        dsn_of("host=127.0.0.1 dbname=one", "two")
