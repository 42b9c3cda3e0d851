"""The Lua script that counts who is online. It names its KEYS, its ARGV and its result."""

from typing import Final

from shared.redis_state.script_files import load_script

COUNT_ONLINE: Final = load_script(__file__, "count_online")
