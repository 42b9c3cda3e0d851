"""The gateway's Lua scripts; each file in ``scripts/`` says what it takes and returns."""

from typing import Final

from shared.bus.script import Script

ADMIT: Final = Script.beside(__file__, "admit")
STORE: Final = Script.beside(__file__, "store")
HOLD: Final = Script.beside(__file__, "hold")
OBSERVE: Final = Script.beside(__file__, "observe")
VOUCH: Final = Script.beside(__file__, "vouch")
