"""Loading Lua scripts that use the data model (``model.lua``)."""

from pathlib import Path
from typing import Final

from shared.bus.script import Script

MODEL: Final = Path(__file__).with_name("model.lua").read_text(encoding="utf-8")
_PRESENCE: Final = Path(__file__).with_name("presence.lua").read_text(encoding="utf-8")


def load_script(
    module_file: str, name: str, *, batched: bool = False, presence: bool = False
) -> Script:
    """Load ``NAME.lua`` from the folder of a module.

    Args:
        module_file: Its ``__file__``.
        name: Of the script.
        batched: Whether one run of it does several calls.
        presence: Whether it changes presence, and so uses ``presence.lua`` too.
    """
    text = Path(module_file).with_name(f"{name}.lua").read_text(encoding="utf-8")
    library = MODEL + _PRESENCE * presence
    return Script.with_prelude(name, text, library=library, batched=batched)
