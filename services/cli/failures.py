"""How a command can fail: a line on standard error, or a problem as JSON; and an exit code."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

_URN: Final = "urn:chargelight:problem:"


class CommandFailedError(Exception):
    """A command failed.

    Args:
        text: What is wrong and what to do, for a person.
        problem: The problem details (RFC 9457) that the registry sent, if it did.

    Attributes:
        exit_code: What the program ends with.
        prefix: What the line on standard error begins with.
    """

    exit_code: ClassVar[int]
    prefix: ClassVar[str] = ""
    kind: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, text: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(text)
        self._problem = problem

    @property
    def problem(self) -> Mapping[str, Any]:
        """Problem details: the registry's own ones, or in the same form."""
        own = {"type": _URN + self.kind, "title": self.title, "detail": str(self)}
        return self._problem or own


class RefusedError(CommandFailedError):
    """The registry refused, or this machine did; doing the same again will not help."""

    exit_code = 1
    prefix = "refused: "
    kind = "refused"
    title = "The command was refused"


class WrongUseError(CommandFailedError):
    """A command was used wrongly; the text says what is right."""

    exit_code = 2
    kind = "wrong-use"
    title = "The command was used wrongly"


class UnreachableError(CommandFailedError):
    """No registry answers at the URL, or it cannot answer now."""

    exit_code = 3
    kind = "unreachable"
    title = "No registry answers now"


class ReaderGoneError(Exception):
    """The reader of our output has closed it: ``chargelight … | head``."""
