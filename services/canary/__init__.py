"""The canary: one pair of the hub's own, through the load balancer, once a second."""
