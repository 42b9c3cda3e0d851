"""The mistakes in an import file. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.registry.errors import ImportRefusedError

MAX_SHOWN: Final = 1000
"""Mistakes that are kept; all are counted."""

_MAX_QUOTED: Final = 80
"""Longest quotation of a text from the file, in characters."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """A reason why a file cannot be imported."""

    line: int
    column: str
    """Empty where it is about the line as a whole."""
    problem: str
    code: str = field(default="", compare=False)
    """The same for a program, which says it in its reader's language; empty: there is none."""
    about: Mapping[str, str | int] = field(default_factory=dict, compare=False)
    """What the words name: devices, lines, a booth."""

    def shown(self) -> dict[str, Any]:
        """Return it as a member of a problem."""
        members = {"line": self.line, "column": self.column or None, "problem": self.problem}
        return members | ({"code": self.code, "about": {**self.about}} if self.code else {})


@dataclass(slots=True)
class Mistakes:
    """The first mistakes of a file, and how many there are."""

    first: list[Mistake] = field(default_factory=list)
    total: int = 0

    def add(self, line: int, column: str, problem: str, code: str = "") -> None:
        """Add one; they come in the order of their lines."""
        self.total += 1
        if len(self.first) < MAX_SHOWN:
            self.first.append(Mistake(line, column, problem, code))

    def merge(self, others: list[Mistake], total: int) -> "Mistakes":
        """Return these and others, of which there are ``total``, in the order of their lines."""
        return Mistakes(sorted([*self.first, *others])[:MAX_SHOWN], self.total + total)

    def refusal(self) -> ImportRefusedError:
        """Return the error that refuses the file because of these; there is at least one."""
        first = self.first[0]
        where = f"line {first.line}" + (f", {first.column}" if first.column else "")
        count = "1 mistake" if self.total == 1 else f"{self.total:,} mistakes"
        return ImportRefusedError(
            f"nothing was imported because of {count}; the first, {where}: {first.problem}",
            errors=[each.shown() for each in self.first],
            total=self.total,
        )


def shorten(text: str) -> str:
    """Return a text, or its beginning if it is long."""
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"


def quote(text: str) -> str:
    """Return a text of the file in quotes, shortened, with what is not ASCII escaped."""
    return ascii(shorten(text))
