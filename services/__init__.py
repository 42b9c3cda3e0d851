"""The services of the hub, and the simulator. None imports another."""
