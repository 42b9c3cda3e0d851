"""The console's screens, as the pictures in ``docs/console.md`` show them.

A new screen is a line here, a row in that document, and ``make console-pictures``.
"""

from typing import Final, NamedTuple

from playwright.async_api import ViewportSize

from tests.fixtures.processes import ROOT

VARIABLE: Final = "CHARGELIGHT_TEST_PICTURES"
"""With the value `docs`, the pictures of the document are made again."""
FOLDER: Final = ROOT / "docs" / "images" / "console"
SIZE: Final = ViewportSize(width=390, height=560)


class Screen(NamedTuple):
    """How to reach a screen, and what is in it once it is there."""

    address: str
    """After the console's own."""
    shows: str
    """A selector of the page."""
    asks_for_a_key: bool = False
    """Whether the hub is one that does."""
    signs_in: bool = False
    """Whether an admin's key is given to it."""


SCREENS: Final = {
    "sign-in": Screen("", ".sign-in input", asks_for_a_key=True),
    "wall": Screen("#/wall?booth=main-stage", ".tile.ready"),
    "hand-over": Screen("#/hand-over?booth=main-stage", ".desk input"),
    "collect": Screen("#/collect?booth=main-stage", ".desk input"),
    "waiting": Screen("#/waiting?booth=main-stage", ".waiting li"),
    "find": Screen("#/find?booth=main-stage", ".find input"),
    "booths": Screen("#/booths", ".booth .count"),
    "charger": Screen("#/charger/c-left-2", ".device .why"),
    "widget": Screen("#/widget/w-left-2", ".device .why"),
    "board": Screen("#/board?booth=main-stage", ".board li"),
    "audit": Screen("#/audit", ".audit li"),
    "labels": Screen("#/labels?booth=main-stage", ".labels .fields"),
    "health": Screen("#/health", ".health .card"),
    "import": Screen("#/import", ".import .fields"),
    "booth-names": Screen("#/booth-names", ".booth-names .fields"),
    "people": Screen("#/people", ".people .card", asks_for_a_key=True, signs_in=True),
}
"""By their names in `screens.js`; the sign-in stands before them."""
