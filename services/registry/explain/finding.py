"""The parts of an explanation. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final, TypeAlias

from pydantic import BaseModel, Field


class Mark(StrEnum):
    """What a finding says about its subject."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    NOTE = "note"


class Rank(IntEnum):
    """The order of causes: of several, the first one explains the others."""

    DIRECTORY = 1
    VALUES = 2
    REGISTRATION = 3
    PAIRING = 4
    ROUTER = 5
    SHARED_ID = 6
    SUPERSEDED = 7
    CREDENTIALS = 8
    REFUSED = 9
    CHARGER = 10
    FRAMES = 11
    READING = 12
    STATUS = 13
    WIDGET = 14


Value: TypeAlias = str | int | float | datetime | None
"""What texts are made of; None: a time that is not known."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text, with what a program needs to say it in another language."""

    code: str
    """Stands for the text; the same for the same template."""
    template: str
    values: Mapping[str, Value]

    def in_words(self, template: str | None = None) -> str:
        """Return the text, or another one of the same values."""
        shown = {
            name: format_time(value) if value is None or isinstance(value, datetime) else value
            for name, value in self.values.items()
        }
        return (template or self.template).format(**shown)


def say(code: str, template: str, /, **values: Value) -> Said:
    """Return a text, with its values in braces."""
    return Said(code, template, values)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a light is not as it should be."""

    rank: Rank
    verdict: Said
    remedy: str
    """A template of the same values."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of an explanation."""

    mark: Mark
    about: str
    said: Said
    cause: Cause | None = None

    @property
    def text(self) -> str:
        """What was seen."""
        return self.said.in_words()


_VALUES: Final = {"id": "c1234", "since": "2026-11-24T10:31:52Z"}


class ShownFinding(BaseModel):
    """One thing that was looked at."""

    mark: Mark = Field(description="Whether it is as it should be")
    about: str = Field(description="What was looked at", examples=["last reading"])
    text: str = Field(description="What was seen", examples=["85 % at 2026-11-24T10:31:52Z"])
    code: str = Field(
        description="Stands for `text`, to say it in another language", examples=["reading"]
    )
    values: dict[str, Value] = Field(description="What is said in `text`", examples=[_VALUES])


class Explanation(BaseModel):
    """Why a light is as it is."""

    title: str = Field(description="Whose light it is", examples=["charger c1234"])
    findings: list[ShownFinding] = Field(description="What was looked at, in this order")
    verdict: str = Field(
        description="What is wrong, or that nothing is",
        examples=["c1234 is offline: its phone's level is not reported"],
    )
    remedy: str | None = Field(
        description="What to do about it; null: nothing",
        examples=["Check its power and its network."],
    )
    code: str = Field(
        description="Stands for `verdict` and `remedy`, to say them in another language",
        examples=["charger_offline"],
    )
    values: dict[str, Value] = Field(
        description="What is said in `verdict` and `remedy`", examples=[_VALUES]
    )


NOTHING_WRONG: Final = say("nothing_wrong", "Nothing is wrong.")


def conclude(
    title: str, findings: Sequence[Finding], all_right: Said = NOTHING_WRONG
) -> Explanation:
    """Make an explanation of findings, with the verdict that follows from them.

    It is ``all_right`` if none of them is the cause of anything.
    """
    causes = [finding.cause for finding in findings if finding.cause is not None]
    first = min(causes, key=lambda cause: cause.rank, default=None)
    verdict = first.verdict if first else all_right
    return Explanation(
        title=title,
        findings=[
            ShownFinding(
                mark=each.mark,
                about=each.about,
                text=each.text,
                code=each.said.code,
                values=dict(each.said.values),
            )
            for each in findings
        ],
        verdict=verdict.in_words(),
        remedy=verdict.in_words(first.remedy) if first else None,
        code=verdict.code,
        values=dict(verdict.values),
    )


def wrong(about: str, said: Said, rank: Rank, verdict: Said, remedy: str) -> Finding:
    """Return a finding that explains why a light is not as it should be."""
    return Finding(Mark.WRONG, about, said, Cause(rank, verdict, remedy))


def format_time(time: datetime | None) -> str:
    """Return a time in RFC 3339, to the second; the command line makes it local."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else "an unknown time"
