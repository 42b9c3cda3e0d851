"""The router's Lua scripts; each file says what it takes and returns."""

from typing import Final

from shared.redis_state.script_files import load_script

LIGHT: Final = load_script(__file__, "light", batched=True)
CLEAR_PENDING: Final = load_script(__file__, "clear_pending", batched=True)
FIND_OVERDUE: Final = load_script(__file__, "find_overdue")
MARK_ALL_PENDING: Final = load_script(__file__, "mark_all_pending")
MARK_SOME_PENDING: Final = load_script(__file__, "mark_some_pending")
JOIN: Final = load_script(__file__, "join")
LEASE: Final = load_script(__file__, "lease")
RELEASE: Final = load_script(__file__, "release")
