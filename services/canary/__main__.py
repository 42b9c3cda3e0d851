"""Start a canary: ``python -m services.canary``."""

from services.canary.app import serve
from services.canary.settings import CanarySettings
from shared.process.runtime import main

if __name__ == "__main__":
    main(CanarySettings, serve)
