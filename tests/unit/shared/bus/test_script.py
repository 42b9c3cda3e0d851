"""Scripts: what Redis is given, and the hash it knows it by."""

import hashlib

from shared.bus.script import Script

RING = Script.with_prelude("ring", "redis.call('@PUBLISH@', ARGV[1], '\u00e4')\n")


def test_a_script_rings_with_publish() -> None:
    assert RING.name == "ring"
    assert RING.text == "redis.call('PUBLISH', ARGV[1], '\u00e4')\n"


def test_a_script_begins_with_what_it_uses() -> None:
    batched = "for key in calls(1) do ring(key) end\n"
    found = Script.with_prelude("ring", batched, library="local function ring(key)\nend\n")
    assert found.text.startswith("local function calls(keys)\n")
    assert found.text.endswith("\nlocal function ring(key)\nend\n" + batched)


def test_on_a_cluster_it_rings_with_spublish_under_another_hash() -> None:
    assert RING.sharded is not None
    assert RING.sharded.text == RING.text.replace("'PUBLISH'", "'SPUBLISH'")
    assert RING.sharded.sha == hashlib.sha1(RING.sharded.text.encode()).hexdigest()  # noqa: S324
    assert RING.sharded.name == RING.name


def test_its_hash_is_the_one_that_redis_computes() -> None:
    assert RING.sha == hashlib.sha1(RING.text.encode()).hexdigest()  # noqa: S324 - EVALSHA's
