"""The parts of an explanation. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

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


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a light is not as it should be."""

    rank: Rank
    verdict: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of an explanation."""

    mark: Mark
    about: str
    text: str
    cause: Cause | None = None


class ShownFinding(BaseModel):
    """One thing that was looked at."""

    mark: Mark = Field(description="Whether it is as it should be")
    about: str = Field(description="What was looked at", examples=["last reading"])
    text: str = Field(description="What was seen", examples=["85 % at 2026-11-24T10:31:52Z"])


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


def conclude(title: str, findings: Sequence[Finding], all_right: str) -> Explanation:
    """Make an explanation of findings, with the verdict that follows from them.

    It is ``all_right`` if none of them is the cause of anything.
    """
    causes = [finding.cause for finding in findings if finding.cause is not None]
    first = min(causes, key=lambda cause: cause.rank, default=None)
    return Explanation(
        title=title,
        findings=[
            ShownFinding(mark=each.mark, about=each.about, text=each.text) for each in findings
        ],
        verdict=first.verdict if first else all_right,
        remedy=first.remedy if first else None,
    )


def wrong(about: str, text: str, rank: Rank, verdict: str, remedy: str) -> Finding:
    """Return a finding that explains why a light is not as it should be."""
    return Finding(Mark.WRONG, about, text, Cause(rank, verdict, remedy))


def format_time(time: datetime | None) -> str:
    """Return a time in RFC 3339, to the second; the command line makes it local."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else "an unknown time"
