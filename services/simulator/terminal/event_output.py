"""Events as lines: words for a person, JSON for a program."""

import sys
from datetime import datetime

import msgspec
from rich.console import Console
from rich.text import Text


class EventOutput:
    """Events on standard output.

    Attributes:
        terminal: The terminal to draw on; none where there is none, or for a program.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False, markup=False)
        is_drawn_on = self._console.is_terminal and not as_json
        self.terminal = self._console if is_drawn_on else None

    def write(self, what: str, words: str, style: str = "", **facts: object) -> None:
        """Print one event: for a program a JSON object, for a person the time and the words.

        Args:
            what: Its name, for programs, for example ``connected``.
            words: The same for people.
            style: Colour of the words on a terminal.
            facts: What a program may want to know besides.
        """
        now = datetime.now().astimezone()
        if self._as_json:
            line = {"at": now.isoformat(timespec="milliseconds"), "what": what}
            sys.stdout.write(msgspec.json.encode(line | facts | {"words": words}).decode() + "\n")
            sys.stdout.flush()
        else:
            text = Text.assemble((f"{now:%H:%M:%S}  ", "dim"), (words, style))
            self._console.print(text, soft_wrap=True)
