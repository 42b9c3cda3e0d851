"""The gateway's Lua scripts; each file in ``scripts/`` says what it takes and returns."""

from typing import Final

from shared.bus.script import Script

ADMIT: Final = Script.beside(__file__, "admit")
STORE: Final = Script.beside(__file__, "store", joins=True)
RECONCILE: Final = Script.beside(__file__, "reconcile")
READ_STATUS: Final = Script.beside(__file__, "read_status")
AUTHENTICATE: Final = Script.beside(__file__, "authenticate")
HEARTBEAT: Final = Script.beside(__file__, "heartbeat")
UPDATE_CHARGER_PRESENCE: Final = Script.beside(__file__, "update_charger_presence")
UPDATE_WIDGET_PRESENCE: Final = Script.beside(__file__, "update_widget_presence")
SWEEP_CHARGERS: Final = Script.beside(__file__, "sweep_chargers")
SWEEP_WIDGETS: Final = Script.beside(__file__, "sweep_widgets")
RECORD_REJECTIONS: Final = Script.beside(__file__, "record_rejections")
