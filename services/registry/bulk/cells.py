"""Cells that a spreadsheet would take for formulas, and what makes them harmless.

A spreadsheet calculates what begins with = + - @, a tab or a carriage return. With an apostrophe
before it, it is text (https://owasp.org/www-community/attacks/CSV_Injection). Reading a CSV file
removes that apostrophe. So that a text with an apostrophe of its own there comes back, too, it is
written with a second one.
"""

import re
from typing import Final

_FORMULA: Final = re.compile(r"[=+\-@\t\r\n]")
_LIKE_HARMLESS: Final = re.compile(r"'+[=+\-@\t\r\n]")


def as_text(cell: str) -> str:
    """Return a cell so that a spreadsheet takes it for text, whatever is in it."""
    return f"'{cell}" if _FORMULA.match(cell) else unambiguous(cell)


def unambiguous(cell: str) -> str:
    """Return a cell so that `restored` gives it back."""
    return f"'{cell}" if _LIKE_HARMLESS.match(cell) else cell


def restored(cell: str) -> str:
    """Return what a cell was before `as_text` or `unambiguous`."""
    return cell[1:] if _LIKE_HARMLESS.match(cell) else cell
