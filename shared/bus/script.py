"""Lua scripts, run by their hash.

https://redis.io/docs/latest/develop/programmability/eval-intro/
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from shared.bus.lua_library import needed_of

_PRELUDE = Path(__file__).with_name("prelude.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the SHA-1 that Redis knows it by once it is loaded."""

    name: str
    text: str
    sha: str
    sharded: "Script | None" = None
    """The same for a Redis Cluster, where doorbells are rung with SPUBLISH."""
    batched: bool = False
    """Whether one run does several calls (`calls` in the prelude, `shared.bus.script_batches`)."""

    @classmethod
    def with_prelude(
        cls, name: str, text: str, *, library: str = "", batched: bool = False
    ) -> Self:
        """Return a script of ``text`` and what it uses of the prelude and a library.

        ``@PUBLISH@`` is replaced in all of them.
        """
        text = needed_of(_PRELUDE + library, text) + text
        # One place knows how doorbells are rung.
        on_cluster = text.replace("@PUBLISH@", "SPUBLISH")
        sharded = cls(name, on_cluster, _sha(on_cluster), batched=batched)
        text = text.replace("@PUBLISH@", "PUBLISH")
        return cls(name, text, _sha(text), sharded, batched)


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


Argument = str | bytes | int | float
_CONTAINERS: Final = frozenset({"CLIENT", "CLUSTER", "SCRIPT", "XGROUP", "XINFO"})
"""Commands whose next word is a part of their name."""


def name_of(words: Sequence[Argument]) -> str:
    """Return a command's name: ``HGET``, ``XGROUP CREATE``."""
    name = str(words[0])
    return f"{name} {words[1]!s}" if name in _CONTAINERS else name


@dataclass(frozen=True, slots=True)
class Call:
    """What a script does on one hash slot, with any number of items."""

    script: Script
    keys: tuple[str, ...]
    arguments: Sequence[Argument]
