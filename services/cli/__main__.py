"""Starts the command line: ``python -m services.cli``, or ``chargelight`` where installed."""

from services.cli.main import main

if __name__ == "__main__":
    main()
