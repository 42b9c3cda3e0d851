"""``chargelight hub``: the hub at a glance."""
