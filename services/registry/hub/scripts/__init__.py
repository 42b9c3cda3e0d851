"""Lua scripts of the hub at a glance; each file says what it takes and returns."""

from typing import Final

from shared.redis_state.script_files import load_script

LOOK: Final = load_script(__file__, "look")
