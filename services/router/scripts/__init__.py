"""The router's Lua scripts; each file says what it takes and returns."""

from typing import Final

from shared.bus.script import Script

LIGHT: Final = Script.beside(__file__, "light", joins=True)
CLEAR_PENDING: Final = Script.beside(__file__, "clear_pending", joins=True)
FIND_OVERDUE: Final = Script.beside(__file__, "find_overdue")
MARK_ALL_PENDING: Final = Script.beside(__file__, "mark_all_pending")
JOIN: Final = Script.beside(__file__, "join")
LEASE: Final = Script.beside(__file__, "lease")
RELEASE: Final = Script.beside(__file__, "release")
