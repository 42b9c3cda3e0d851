"""Pictures of QR codes: a photo, and what a camera sees."""

import io
from pathlib import Path
from typing import Final

import segno

WIDTH: Final = 640
HEIGHT: Final = 480
FRAMES: Final = 10
"""Of each code, at 5 in a second."""
SCALE: Final = 8
QUIET: Final = 4


def photo_of(text: str) -> bytes:
    """Return a PNG with a code."""
    picture = io.BytesIO()
    segno.make_qr(text).save(picture, kind="png", scale=SCALE, border=QUIET)
    return picture.getvalue()


def write_video(path: Path, *texts: str) -> None:
    """Write what a camera sees that is held before some codes, one after the other.

    See https://wiki.multimedia.cx/index.php/YUV4MPEG2.
    """
    colourless = bytes([128]) * (WIDTH * HEIGHT // 2)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F5:1 Ip A1:1 C420\n".encode())
        for text in texts:
            frame = b"FRAME\n" + _brightness_of(text) + colourless
            for _ in range(FRAMES):
                file.write(frame)


def _brightness_of(text: str) -> bytes:
    rows = [bytes([235]) * WIDTH for _ in range(HEIGHT)]
    modules = list(segno.make_qr(text).matrix_iter(scale=SCALE, border=QUIET))
    left, top = (WIDTH - len(modules)) // 2, (HEIGHT - len(modules)) // 2
    for number, row in enumerate(modules):
        line = bytes(16 if module else 235 for module in row)
        rows[top + number] = rows[0][:left] + line + rows[0][left + len(line) :]
    return b"".join(rows)
