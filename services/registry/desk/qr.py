"""QR codes (ISO/IEC 18004) as pictures in SVG, or as what a page draws itself. No I/O."""

import segno

_QUIET: int = 4
"""Modules around it that stay empty, as the norm has it."""


def svg_of(text: str) -> str:
    """Return a picture as large as its place, black on white also on a dark page."""
    code = segno.make_qr(text, error="m")
    picture: str = code.svg_inline(border=_QUIET, omitsize=True, dark="#000", light="#fff")
    return picture


def rows_of(text: str) -> list[str]:
    """Return its rows from the top, without a margin: 1 for each dark module, 0 for each light."""
    code = segno.make_qr(text, error="m")
    return ["".join("01"[module] for module in row) for row in code.matrix]
