"""Redis as the services use it: scripts in batches, doorbells, and news of every loss."""
