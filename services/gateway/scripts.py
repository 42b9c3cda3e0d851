"""The gateway's Lua scripts; each file in ``scripts/`` says what it takes and returns."""

from typing import Final

from shared.bus.script import Script

ADMIT: Final = Script.beside(__file__, "admit")
STORE: Final = Script.beside(__file__, "store", joins=True)
HOLD: Final = Script.beside(__file__, "hold")
OBSERVE: Final = Script.beside(__file__, "observe")
VOUCH: Final = Script.beside(__file__, "vouch")
ENROL: Final = Script.beside(__file__, "enrol")
ATTEND_CHARGERS: Final = Script.beside(__file__, "attend_chargers")
ATTEND_WIDGETS: Final = Script.beside(__file__, "attend_widgets")
SWEEP_CHARGERS: Final = Script.beside(__file__, "sweep_chargers")
SWEEP_WIDGETS: Final = Script.beside(__file__, "sweep_widgets")
REJECT: Final = Script.beside(__file__, "reject")
