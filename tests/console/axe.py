"""axe-core 4.14.1, as its authors published it: https://www.npmjs.com/package/axe-core."""

from pathlib import Path
from typing import Final

AXE: Final = Path(__file__).with_name("vendored") / "axe.min.js"
AXE_SHA256: Final = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
