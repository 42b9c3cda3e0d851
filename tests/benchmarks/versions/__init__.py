"""The same readings through other versions' hubs and through this one, in one run.

The machine's noise is slower than the turns, so the ratios are steadier than those of two runs:
a few percent can be seen. Each hub has a Redis and a Postgres of its own; the one whose turn it
is not waits. The generator is this version's. The others are the last release, or the commits
that are given: ``make bench ARGS="versions --against a081158 --against 27744fd"``.
"""
