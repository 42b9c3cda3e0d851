"""Start the simulator: ``python -m services.simulator``, or ``chargelight-simulator``."""

from services.simulator.cli import main

if __name__ == "__main__":
    main()
