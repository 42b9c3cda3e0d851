"""The version of the product, and what it was built from."""

import os
from typing import Final

VERSION: Final = "0.2.0"

COMMIT: Final = os.environ.get("SOURCE_COMMIT") or "unknown"
"""Set in the images (``deploy/Dockerfile``); elsewhere nobody knows what was changed since."""
