"""The load generator: devices by the thousand in one process, on a schedule of its own.

It runs as ``python -m tests.benchmarks.generator``, is told what to do in lines of JSON on
its standard input, and answers in lines of JSON (see `control` for the other end, `__main__`
for the commands). It ends when its input ends, so it never outlives a benchmark.

**Open loop.** Every message has a time when it is due, which follows from the rate alone.
What is late is sent late, but its latency counts from the time it was due: a hub that stalls
cannot slow the generator down and so hide its stall (coordinated omission).

**Not the bottleneck, and it says so.** No event loop of a library, no client library, no
encoding while it runs: frames are masked beforehand, a message is one `socket.send`, what
comes in is read through one epoll. With each result comes the generator's own share of a core
and its schedule lag: how late messages were sent, the latest one of each burst counted.
A run whose lag is large says nothing about the hub, and benchmarks discard it.
"""
