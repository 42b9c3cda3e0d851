"""The Lua scripts that read lights' transitions; each file says what it takes and returns."""

from typing import Final

from shared.bus.script import Script

READ_TRANSITIONS: Final = Script.beside(__file__, "read_transitions")
REMOVE_TRANSITIONS: Final = Script.beside(__file__, "remove_transitions")
