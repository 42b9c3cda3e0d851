"""What connections cost that say nothing but answer pings: memory and CPU.

Chargers on one half of the gateways, widgets on the other, so that each kind has its own figure.
Memory is the growth of the gateways' over what they had when they were ready and empty, divided
by the connections. What the kernel keeps for sockets (some 2 to 5 KB each) is no process memory
and not in it. The hub pings each device every 12 s, and the generators answer.

A process may open only so many files (20,000 here), so it takes several gateways and several
generators, each of these with a loopback address of its own: addresses have ports of their own.
"""
