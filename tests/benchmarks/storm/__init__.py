"""A gateway is killed, and its 10,000 devices come back to another one, all at the same moment.

Measured is the time from the kill until every widget shows its charger's present level, which
changed at that moment; and where it goes: handshakes, the charger's way to a stored reading
(epoch and store; it has its pong), the widget's way to its first status. Twice: with the
firmware's rule (random delays, see docs/protocol.md), and with all devices at once.

The other gateway runs already, as it does behind a load balancer: how long Python takes to
start is not measured.
"""
