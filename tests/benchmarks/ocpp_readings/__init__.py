"""How many readings of OCPP a gateway takes in per second of CPU, beside our own dialect.

One gateway with Redis, one generator, as many connections. In turns chargers of our own dialect
and of OCPP 1.6 send: MeterValues with two samples, each of which has its answer once it is stored.
Both at a rate that both bear, and each at the highest one that it was found to bear (see `ingest`).
"""
