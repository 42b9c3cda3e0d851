"""What it costs to wait for a replica before a reading is acknowledged, in one run, in turns.

Each of the two hubs has a Redis of its own with a replica on the same machine. One has
``CHARGELIGHT_REDIS_WAIT_REPLICAS=1``. While it relays, a few chargers more ask with a ping whether
each of their readings is stored.
"""
