"""Speed, measured: ``python -m tests.benchmarks``. Never asserted: these machines are noisy."""
