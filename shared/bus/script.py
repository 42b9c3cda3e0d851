"""Lua scripts: loaded from files beside the code that calls them, run by their hash.

https://redis.io/docs/latest/develop/programmability/eval-intro/
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PRELUDE = Path(__file__).with_name("prelude.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the SHA-1 that Redis knows it by once it is loaded."""

    name: str
    text: str
    sha: str
    sharded: "Script | None" = None
    """The same for Redis Cluster, where doorbells are rung with SPUBLISH."""
    joins: bool = False
    """Whether one run does several calls (`calls` in the prelude, `shared.bus.script_batches`)."""

    @classmethod
    def beside(cls, module_file: str, name: str, *, joins: bool = False) -> "Script":
        """Load ``NAME.lua`` from the folder of a module (pass ``__file__``)."""
        path = Path(module_file).with_name(f"{name}.lua")
        text = _PRELUDE + path.read_text(encoding="utf-8")
        # One place knows how doorbells are rung.
        sharded = text.replace("@PUBLISH@", "SPUBLISH")
        text = text.replace("@PUBLISH@", "PUBLISH")
        on_cluster = cls(name, sharded, _sha(sharded), joins=joins)
        return cls(name, text, _sha(text), on_cluster, joins)


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


Argument = str | bytes | int | float


@dataclass(frozen=True, slots=True)
class Call:
    """What a script is to do on one hash slot, with any number of items."""

    script: Script
    keys: tuple[str, ...]
    arguments: Sequence[Argument]
