"""Draw ``docs/lights.svg``, the README's picture: the demo on a terminal, recorded.

A hub must run on this machine, on the usual ports (``make up`` in another terminal). What the
simulator's demo draws becomes an SVG that repeats these seconds, with neither fonts nor scripts
from elsewhere. A viewer that wants no motion sees the first picture.
"""

import asyncio
import io
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from rich.console import Console, RenderableType
from rich.style import Style

from services.simulator.commands.demo import DemoCommand
from services.simulator.fleet.fleet import Fleet, Hub
from services.simulator.fleet.pairs import numbered_pairs
from services.simulator.judging.thresholds import DEFAULT, parse_thresholds
from services.simulator.terminal.event_output import EventOutput

_TARGET: Final = Path(__file__).parents[1] / "docs/lights.svg"
_COMMAND: Final = "chargelight-simulator demo --pairs 4 --prefix demo --speed 5"
_COLUMNS: Final = 88
_WARM_UP_SECONDS: Final = 4.0
_FRAME_SECONDS: Final = 0.75
_FRAMES: Final = 24

_CHARACTER: Final = 8.4
_LINE: Final = 17
_MARGIN: Final = 14
_FOREGROUND: Final = "#d0d0d0"
_BACKGROUND: Final = "#161616"


class Piece(NamedTuple):
    """Some characters in one style, and where they stand: column and line."""

    column: int
    line: int
    text: str
    style: Style


@dataclass(frozen=True, kw_only=True)
class _Recorder(DemoCommand):
    """The demo, but it keeps what it draws and ends after some frames."""

    frames: list[list[Piece]] = field(default_factory=list)

    async def show(self, fleet: Fleet) -> bool:
        await asyncio.sleep(_WARM_UP_SECONDS)
        for _ in range(_FRAMES):
            self.frames.append(list(_pieces(self.draw(fleet))))
            await asyncio.sleep(_FRAME_SECONDS)
        return True


def _record() -> list[list[Piece]]:
    """Run the demo of `_COMMAND`, and return what it drew."""
    recorder = _Recorder(
        pairs=numbered_pairs("demo", 4, digits=2),
        speed=5,
        registry_url="http://127.0.0.1:3300",
        hub=Hub("ws://127.0.0.1:3100", "ws://127.0.0.1:3200", parse_thresholds(DEFAULT), 5.0),
        interval=_FRAME_SECONDS,
        output=EventOutput(as_json=False),
        rng=random.Random(),  # noqa: S311 - jitter
    )
    asyncio.run(recorder.run(asyncio.Event()))
    return recorder.frames


def _pieces(picture: RenderableType) -> Iterator[Piece]:
    console = Console(file=io.StringIO(), width=_COLUMNS)
    for number, line in enumerate(console.render_lines(picture)):
        column = 0
        for text, style, _ in line:
            for found in re.finditer(r"\S+(?: \S+)*", text):
                yield Piece(column + found.start(), number, found.group(), style or Style())
            column += len(text)


def _most_colours_first(frames: list[list[Piece]]) -> list[list[Piece]]:
    """Return the frames, begun where the picture says most: it may be shown without motion."""

    def colours(number: int) -> int:
        return len({piece.style.color for piece in frames[number] if "█" in piece.text})

    start = max(range(len(frames)), key=colours)
    return frames[start:] + frames[:start]


def _draw(frames: list[list[Piece]]) -> str:
    """Return the SVG. A piece is drawn once, in the group of its frames."""
    visible: defaultdict[Piece, list[int]] = defaultdict(list)
    for number, frame in enumerate(frames):
        for piece in dict.fromkeys(frame):
            visible[piece].append(number)
    groups: defaultdict[tuple[int, ...], list[str]] = defaultdict(list)
    for piece, numbers in visible.items():
        groups[tuple(numbers)].append(_element(piece))
    rules = [_rule(f"v{i}", numbers, len(frames)) for i, numbers in enumerate(groups)]
    drawn = [f'<g class="v{i}">{"".join(group)}</g>' for i, group in enumerate(groups.values())]
    lines = 1 + max(piece.line for piece in visible)
    width, height = _COLUMNS * _CHARACTER + 2 * _MARGIN, (lines + 1) * _LINE + 2 * _MARGIN
    typed = Piece(0, -1, f"$ {_COMMAND}", Style(dim=True))
    label = "Four widgets on a terminal: each is red, yellow, then green, while its phone charges"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">',
            f"<title>{label}</title>",
            "<style>text{font:14px monospace;white-space:pre}",
            *rules,
            "@media(prefers-reduced-motion){*{animation-play-state:paused!important}}</style>",
            f'<rect width="100%" height="100%" rx="8" fill="{_BACKGROUND}"/>',
            f'<g transform="translate({_MARGIN} {_MARGIN + _LINE})" fill="{_FOREGROUND}">',
            _element(typed),
            *drawn,
            "</g></svg>\n",
        ]
    )


def _rule(name: str, numbers: tuple[int, ...], frames: int) -> str:
    steps = []
    for number in range(frames):
        is_visible = number in numbers
        if number == 0 or is_visible != (number - 1 in numbers):
            steps.append(f"{100 * number / frames:.4g}%{{opacity:{int(is_visible)}}}")
    keyframes = f"@keyframes {name}{{{''.join(steps)}}}"
    return f".{name}{{animation:{name} {frames * _FRAME_SECONDS:g}s steps(1) infinite}}{keyframes}"


def _element(piece: Piece) -> str:
    x, y, width = piece.column * _CHARACTER, piece.line * _LINE, len(piece.text) * _CHARACTER
    colour = piece.style.color
    attributes = f' fill="{colour.get_truecolor().hex}"' if colour is not None else ""
    if set(piece.text) == {"█"}:
        return f'<rect x="{x:.4g}" y="{y}" width="{width:.4g}" height="{_LINE}"{attributes}/>'
    if piece.style.bold:
        attributes += ' font-weight="bold"'
    if piece.style.dim:
        attributes += ' opacity=".6"'
    return (
        f'<text x="{x:.4g}" y="{y + 13}" textLength="{width:.4g}"{attributes}>'
        f"{escape(piece.text)}</text>"
    )


def main() -> None:
    """Record, and write the picture."""
    _TARGET.write_text(_draw(_most_colours_first(_record())), "utf-8")
    print(f"{_TARGET}: {_TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
