"""Run a registry: ``python -m services.registry``."""

from services.registry.app import serve
from services.registry.settings import RegistrySettings
from shared.process.runtime import main

if __name__ == "__main__":
    main(RegistrySettings, serve)
