"""The Lua scripts that write the directory. Each names its KEYS, its ARGV and its result."""

from typing import Final

from shared.redis_state.script_files import load_script

PROJECT_WIDGETS: Final = load_script(__file__, "project_widgets")
PROJECT_CHARGERS: Final = load_script(__file__, "project_chargers")
PROJECT_SECRETS: Final = load_script(__file__, "project_secrets")
REMOVE_STRAYS: Final = load_script(__file__, "remove_strays")
CHECK: Final = load_script(__file__, "check", batched=True)
GREATEST: Final = load_script(__file__, "greatest")
COMPLETE: Final = load_script(__file__, "complete")
