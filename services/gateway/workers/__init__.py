"""Several processes for one gateway: a parent, and workers that share its ports."""
