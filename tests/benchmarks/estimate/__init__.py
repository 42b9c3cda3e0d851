"""How often the time at which a phone was ready lay in the range that was estimated.

The phones are simulated (`phones`), and few are recorded (`recorded`). Beside the hub's
estimate stands one that continues the last readings as a straight line (`naive`).
"""
