"""The Lua scripts that read transitions. Each names its KEYS, its ARGV and its result."""

from typing import Final

from shared.redis_state.script_files import load_script

READ_TRANSITIONS: Final = load_script(__file__, "read_transitions")
REMOVE_TRANSITIONS: Final = load_script(__file__, "remove_transitions")
