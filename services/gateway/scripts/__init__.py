"""The gateway's Lua scripts; each file in ``scripts/`` says what it takes and returns."""

from typing import Final

from shared.redis_state.script_files import load_script

ADMIT: Final = load_script(__file__, "admit")
STORE: Final = load_script(__file__, "store", batched=True)
RECONCILE: Final = load_script(__file__, "reconcile")
MARK_PENDING: Final = load_script(__file__, "mark_pending")
READ_STATUS: Final = load_script(__file__, "read_status")
AUTHENTICATE: Final = load_script(__file__, "authenticate")
HEARTBEAT: Final = load_script(__file__, "heartbeat")
UPDATE_CHARGER_PRESENCE: Final = load_script(__file__, "update_charger_presence", presence=True)
UPDATE_WIDGET_PRESENCE: Final = load_script(__file__, "update_widget_presence", presence=True)
SWEEP_CHARGERS: Final = load_script(__file__, "sweep_chargers", presence=True)
SWEEP_WIDGETS: Final = load_script(__file__, "sweep_widgets", presence=True)
RECORD_REFUSED: Final = load_script(__file__, "record_refused")
RECORD_REJECTIONS: Final = load_script(__file__, "record_rejections")
RECALL: Final = load_script(__file__, "recall")
REMEMBER: Final = load_script(__file__, "remember")
MAY_SEND: Final = load_script(__file__, "may_send")
