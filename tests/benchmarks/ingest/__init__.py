"""How many readings a gateway takes in per second of CPU, beside three others.

All four get the same frames from the same generator, on as many connections:

- **nothing**: a uvloop server that answers the upgrade, then reads and throws away. It is what
  the event loop and the kernel cost, so nothing on uvloop can be quicker.
- **parsed**: the gateway's own connections, frames parsed and readings validated, but nobody
  behind them: nothing is stored.
- **gateway**: the whole gateway with Redis: epochs, storing, doorbells, receipts.
- **library**: the asyncio server of `websockets` as it comes, with a handler that parses JSON.

In each round each of them is measured once, at a rate that all bear, and at the highest rate
that it was found to bear. "Bear" means: everything sent was received (counted by the server, so
nothing in a socket's buffer counts) within a tenth of a second after the last one was sent, and
the generator was in time. The figure that is compared is readings per second of the server's
CPU, which is a rate per core, whoever else uses the machine; the rate per second of time is
there as well. For the gateway, Redis' own CPU is a figure of its own.
"""
