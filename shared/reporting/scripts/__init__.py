"""Lua scripts of reporting; each file says what it takes and returns."""

from typing import Final

from shared.redis_state.script_files import load_script

REPORT: Final = load_script(__file__, "report")
LEAVE: Final = load_script(__file__, "leave")
