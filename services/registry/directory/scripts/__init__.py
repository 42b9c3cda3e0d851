"""The Lua scripts that write the directory. Each names its KEYS, its ARGV and its result."""

from typing import Final

from shared.bus.script import Script

PROJECT_WIDGETS: Final = Script.beside(__file__, "project_widgets")
PROJECT_CHARGERS: Final = Script.beside(__file__, "project_chargers")
PROJECT_SECRETS: Final = Script.beside(__file__, "project_secrets")
REMOVE_STRAYS: Final = Script.beside(__file__, "remove_strays")
COMPLETE: Final = Script.beside(__file__, "complete")
