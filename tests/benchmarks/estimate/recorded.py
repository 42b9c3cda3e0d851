"""Real phones, as others recorded them. Few do so in numbers.

One was logged each time that its level changed. Of the others, reviewers wrote down the level at
a few moments: the first readings here, and when each was ready.
"""

from typing import Final, NamedTuple

from services.registry.estimate.progress import Point
from tests.benchmarks.estimate.phones import Charge


class Recording(NamedTuple):
    """A phone that was charged.

    Attributes:
        phone: Which one, with its charger if that is known.
        source: Who recorded it.
        charge: Its readings.
        asked_at: When to ask for an estimate, in minutes.
    """

    phone: str
    source: str
    charge: Charge
    asked_at: tuple[float, ...]


_FIRST: Final = 5
_SECONDS: Final = """
    0 80 141 201 261 322 362 422 483 543 603 664 724 784 845 905 965 1026 1146 1207 1267
    1327 1388 1448 1508 1569 1609 1669 1730 1790 1850 1911 1971 2031 2092 2152 2213 2273
    2313 2373 2434 2494 2554 2615 2675 2735 2796 2856 2917 2977 3037 3098 3158 3218 3279
    3319 3399 3460 3500 3580 3641 3701 3761 3822 3882 3942 4003 4063 4124 4184 4244 4305
    4365 4425 4486 4546 4606 4667 4747 4807 4868 4948 5029 5109 5190 5270 5371 5491 5592
    5733 5894 6055 6256 6517 6799 7201
"""
"""When an iPhone's status bar first showed 5, 6, 7 … 100 %, in seconds."""


def _logged() -> Charge:
    seconds = map(int, _SECONDS.split())
    return Charge([Point(each / 60, level) for level, each in enumerate(seconds, _FIRST)])


def _reviewed(*minutes_and_levels: tuple[float, int]) -> Charge:
    return Charge([Point(*each) for each in minutes_and_levels])


LOGGED: Final = _logged()
_TOMS_GUIDE: Final = "https://www.iclarified.com/50984/which-smartphone-charges-the-fastest-chart"
_APPLE_INSIDER: Final = (
    "https://www.iphonehacks.com/2017/10/"
    "fast-charging-iphone-8-compared-wireless-charging-12w-5w-chargers.html"
)
RECORDINGS: Final = (
    Recording(
        "iPhone, logged in 2013",
        "https://github.com/nst/BatteryChart",
        LOGGED,
        tuple(LOGGED.readings[level - _FIRST].at + 0.2 for level in (20, 50, 80, 95)),
    ),
    Recording(
        "iPhone 6",
        _TOMS_GUIDE,
        _reviewed((0, 5), (5, 6), (15, 20), (30, 36), (75, 80), (155, 100)),
        (30,),
    ),
    Recording(
        "Galaxy S6",
        _TOMS_GUIDE,
        _reviewed((0, 5), (15, 27), (30, 53), (48, 80), (82, 100)),
        (30,),
    ),
    Recording(
        "iPhone 8 Plus, 29 W",
        _APPLE_INSIDER,
        _reviewed((0, 0), (5, 9), (30, 52), (90, 100)),
        (30,),
    ),
    Recording(
        "iPhone 8 Plus, 12 W",
        _APPLE_INSIDER,
        _reviewed((0, 0), (5, 7), (30, 36), (105, 100)),
        (30,),
    ),
)
