"""The console's modules without a page, each tested by a file beside this one, in Node."""

import shutil
import subprocess
from pathlib import Path

import pytest

MODULES = Path(__file__).with_name("modules")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
@pytest.mark.parametrize("name", sorted(path.name for path in MODULES.glob("*.test.mjs")))
def test_what_a_module_promises(name: str) -> None:
    ended = subprocess.run(
        ["node", "--test", "--test-reporter=tap", MODULES / name],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # A file without a test is a test that passes.
    assert "# Subtest: " in ended.stdout
