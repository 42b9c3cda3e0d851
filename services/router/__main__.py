"""Start a router: ``python -m services.router``."""

from services.router.app import serve
from services.router.settings import RouterSettings
from shared.process.runtime import main

if __name__ == "__main__":
    main(RouterSettings, serve)
