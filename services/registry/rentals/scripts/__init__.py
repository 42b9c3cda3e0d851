"""The Lua scripts that read transitions. Each names its KEYS, its ARGV and its result."""

from typing import Final

from shared.bus.script import Script

READ_TRANSITIONS: Final = Script.beside(__file__, "read_transitions")
REMOVE_TRANSITIONS: Final = Script.beside(__file__, "remove_transitions")
