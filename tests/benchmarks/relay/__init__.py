"""From a charger's socket to its widget's: how many readings, and how late.

The way is the long one: charger, gateway, Redis, router, Redis, another gateway, widget. Beside
it, in the same run and under the same generator, the straightforward variant
(`tests.benchmarks.straightforward`), and a raw Redis publish of one process reaching a subscriber
in another one: two of those are the least that a reading can take.

- **Highest rate**: the highest at which p99 stays under 50 ms and every reading has its answer.
  Looked for in each round again, for both variants in turns.
- **Latency** at a tenth, a half and nine tenths of the hub's highest rate (the median over the
  rounds), in turns with the raw publish, which is measured at the rate of the tenth.
- **CPU per message** of each process, at each of these rates.
"""
