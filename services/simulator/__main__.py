"""Start the simulator: ``python -m services.simulator``."""

from services.simulator.cli import app

if __name__ == "__main__":
    app(prog_name="python -m services.simulator")
