"""Why is this light as it is? One answer out of all that is known."""
