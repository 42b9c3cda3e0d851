"""The script of `shared.bus.repair.repair`; it needs no data model."""

from pathlib import Path
from typing import Final

from shared.bus.script import Script

REPAIR: Final = Script.with_prelude(
    "repair", Path(__file__).with_name("repair.lua").read_text(encoding="utf-8")
)
