"""Speed, measured: ``make bench``, or ``python -m tests.benchmarks``. Never asserted.

Each target is a package whose module `benchmark` has ``measure(options)``, which returns a
`figures.Report`. What they share: `generator` makes the load, `stage` sets Redis, Postgres and a
hub up, `processor` and `memory` ask the kernel what processes use, `search` looks for the highest
rate that works, `compare` compares two runs. How to read the figures: docs/performance.md.
"""
