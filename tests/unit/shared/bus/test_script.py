"""Scripts: what Redis is given, and the hash it knows it by."""

import hashlib
from pathlib import Path

import pytest

from shared.bus import script
from shared.bus.script import Script

PRELUDE = Path(script.__file__).with_name("prelude.lua").read_text(encoding="utf-8")


@pytest.fixture
def module_file(tmp_path: Path) -> str:
    """A module with a script beside it."""
    (tmp_path / "ring.lua").write_text("redis.call('@PUBLISH@', ARGV[1], '\u00e4')\n", "utf-8")
    return str(tmp_path / "__init__.py")


def test_a_script_begins_with_the_prelude_and_rings_with_publish(module_file: str) -> None:
    found = Script.beside(module_file, "ring")
    assert found.name == "ring"
    assert found.text == PRELUDE + "redis.call('PUBLISH', ARGV[1], '\u00e4')\n"


def test_on_a_cluster_it_rings_with_spublish_under_another_hash(module_file: str) -> None:
    found = Script.beside(module_file, "ring")
    assert found.sharded is not None
    assert found.sharded.text == found.text.replace("'PUBLISH'", "'SPUBLISH'")
    assert found.sharded.sha == hashlib.sha1(found.sharded.text.encode()).hexdigest()  # noqa: S324
    assert found.sharded.name == found.name


def test_its_hash_is_the_one_that_redis_computes(module_file: str) -> None:
    found = Script.beside(module_file, "ring")
    assert found.sha == hashlib.sha1(found.text.encode()).hexdigest()  # noqa: S324 - EVALSHA's


def test_a_script_that_is_not_there_is_an_error_at_once(module_file: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"wring\.lua"):
        Script.beside(module_file, "wring")


def test_the_prelude_only_defines() -> None:
    # It runs at the start of every script: what it did there, each script would do.
    assert "@" not in PRELUDE
    for line in PRELUDE.splitlines():
        assert line.startswith(("--", "local function", " ", "end")) or not line
