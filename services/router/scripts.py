"""The router's Lua scripts; each file in ``scripts/`` says what it takes and returns."""

from typing import Final

from shared.bus.script import Script

LIGHT: Final = Script.beside(__file__, "light", joins=True)
SETTLE: Final = Script.beside(__file__, "settle", joins=True)
RECALL: Final = Script.beside(__file__, "recall")
MARK: Final = Script.beside(__file__, "mark")
JOIN: Final = Script.beside(__file__, "join")
LEASE: Final = Script.beside(__file__, "lease")
RELEASE: Final = Script.beside(__file__, "release")
