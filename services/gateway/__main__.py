"""Start a gateway: ``python -m services.gateway``."""

from services.gateway.app import serve
from services.gateway.settings import GatewaySettings
from shared.process.runtime import main

if __name__ == "__main__":
    main(GatewaySettings, serve)
