"""Upper bounds of the buckets of all histograms, in seconds.

An alert asks how many observations exceed a value, and a histogram knows that only for its bounds.
So each value that something is promised for, or given up at, is a bound exactly. Between them each
bound is two to three times the one before: a quantile is then off by less than a factor of three.
"""

from typing import Final

LIGHT: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),  # a hub without trouble takes some milliseconds
    *(0.1, 0.25),  # under load
    0.5,  # later than this a lost doorbell made it so: what is pending for so long is overdue
    1.0,  # the objective: 99.9 % of readings light their widget within a second
    2.0,  # in this time a silent Redis, and a router that is gone, are noticed
    5.0,  # the promise: so long after a fault's end all lights are right
    *(10.0, 30.0),  # something lasts
)
"""From a reading to its status, and for the parts of that way, which add up in the same buckets."""

EXCHANGE: Final = (
    *(0.00025, 0.0005, 0.001, 0.0025),  # one round trip on a machine, or in a data centre
    *(0.005, 0.01, 0.025),  # a large batch
    *(0.1, 0.25),  # Redis is slow: it forks, swaps, or runs a command that it should not
    1.0,  # beyond: Redis did not answer, and the connection was given up
)
"""Of one exchange with Redis. Few, because there is a series for each connection."""

DELAY: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    0.1,  # the alert: beyond this the process is short of CPU, or something blocks it
    *(0.25, 0.5, 1.0, 2.0, 5.0, 10.0),  # the process stood still
)
"""How late the event loop is."""

HANDSHAKE: Final = (
    *(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.0, 5.0),  # a crowd connects
    8.0,  # who waited longer for its turn is refused as overdue
    20.0,  # it waited for the directory
)
"""Of a device's handshake, with all waiting."""

REQUEST: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    2.0,  # so long a change waits to be in effect, and a request for a connection to Postgres
    5.0,
    12.0,  # one piece of work in Postgres takes no longer
)
"""Of a REST request."""
