"""The benchmarks themselves, in their short form."""
