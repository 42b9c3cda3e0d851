"""Loading scripts: what a file uses of the prelude and the data model, and the file."""

from pathlib import Path

import pytest

from shared.bus import script
from shared.redis_state import script_files
from shared.redis_state.script_files import load_script

PRELUDE = Path(script.__file__).with_name("prelude.lua").read_text(encoding="utf-8")
MODEL = Path(script_files.__file__).with_name("model.lua").read_text(encoding="utf-8")
RING = "redis.call('@PUBLISH@', ARGV[1], int(7), '\u00e4')\n"
INT = "local function int(number)\n  return string.format('%.0f', number)\nend\n\n"


@pytest.fixture
def module_file(tmp_path: Path) -> str:
    """A module with a script beside it."""
    (tmp_path / "ring.lua").write_text(RING, "utf-8")
    return str(tmp_path / "__init__.py")


@pytest.mark.parametrize("batched", [False, True])
def test_a_script_begins_with_what_it_uses_of_the_data_model(
    module_file: str, *, batched: bool
) -> None:
    found = load_script(module_file, "ring", batched=batched)
    assert found.name == "ring"
    assert found.text == INT + RING.replace("@PUBLISH@", "PUBLISH")
    assert found.batched is batched
    assert found.sharded is not None
    assert found.sharded.text == found.text.replace("'PUBLISH'", "'SPUBLISH'")


def test_a_script_that_is_not_there_is_an_error_at_once(module_file: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"wring\.lua"):
        load_script(module_file, "wring")


@pytest.mark.parametrize("text", [PRELUDE, MODEL], ids=["prelude", "data model"])
def test_what_scripts_begin_with_only_defines(text: str) -> None:
    # What it did, each script would do.
    assert "@" not in text
    for line in text.splitlines():
        assert line.startswith(("--", "local ", " ", "end")) or not line
