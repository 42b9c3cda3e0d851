"""Run a registry, or a command: ``python -m services.registry [COMMAND]``."""

from services.registry.main import main

if __name__ == "__main__":
    main()
