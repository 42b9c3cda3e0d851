"""What the simulator's commands do; `services.simulator.cli` says how they are called."""
