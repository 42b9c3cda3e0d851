"""Seeded bugs: what was written, and the mistake that one could make of it.

A bug replaces a piece of text that stands exactly once in a script, or in a method's source. When
that text changes, the bug must be rewritten: the replacement refuses to miss.
"""

import hashlib
import importlib
import inspect
import textwrap
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pytest

from shared.bus.script import Script


@dataclass(frozen=True)
class ScriptBug:
    """A mistake in a Lua script."""

    module: str
    script: str
    """Name of the module's `Script`."""
    written: str
    mistake: str

    def seed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = importlib.import_module(self.module)
        original = getattr(module, self.script)
        assert isinstance(original, Script)
        text = _replaced(original.text, self.written, self.mistake)
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        bug = replace(original, text=text, sha=sha, sharded=None)
        monkeypatch.setattr(module, self.script, bug)


@dataclass(frozen=True)
class MethodBug:
    """A mistake in a method of a service."""

    module: str
    owner: str
    method: str
    written: str
    mistake: str

    def seed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = importlib.import_module(self.module)
        owner: type[Any] = getattr(module, self.owner)
        source = textwrap.dedent(inspect.getsource(getattr(owner, self.method)))
        mistaken = _compiled(module, _replaced(source, self.written, self.mistake), self.method)
        monkeypatch.setattr(owner, self.method, mistaken)


Bug = ScriptBug | MethodBug


def _replaced(text: str, written: str, mistake: str) -> str:
    count = text.count(written)
    assert count == 1, f"stands there {count} times: {written}"
    return text.replace(written, mistake)


def _compiled(module: ModuleType, source: str, name: str) -> Any:
    found: dict[str, Any] = {}
    # It sees the names of its module, as the original does.
    exec(compile(source, f"<{name} with a seeded bug>", "exec"), module.__dict__, found)  # noqa: S102
    return found[name]
