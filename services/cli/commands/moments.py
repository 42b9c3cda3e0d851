"""Times as people type them: ``20:00``, ``yesterday``, ``2 hours ago``.

A rule of our own, because what it does not know it refuses. Libraries for this guess
(``10.11`` is a day of October or November), and a wrong guess shows another night.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import Final

import typer

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO: Final = re.compile(
    r"(?P<count>\d{1,9}|an?) ?"
    r"(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(?: ago)?"
)
_CLOCK: Final = re.compile(r"\d{1,2}:\d\d.*")


def moment(text: str) -> str:
    """Return the time that was typed as the registry takes it, in this machine's zone."""
    return read_moment(text, datetime.now().astimezone()).isoformat()


def read_moment(text: str, now: datetime) -> datetime:
    """Return the time that a text stands for.

    It is as in RFC 3339, or a part of it: a day, or a time without zone. Or it is relative
    to ``now``: the last time that a clock showed this hour and minute, a day by its name with
    or without a time, or so long ago. A day without a time means when it began.

    Raises:
        typer.BadParameter: It is none of these.
    """
    words = " ".join(text.lower().split())
    try:
        found = _ago(words, now) or _on_day(words, now) or _last_clock(words, now)
        return found or datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time; one is 2026-11-24, '2026-11-24 20:00', 20:00, yesterday, "
            "'today 14:00', 'friday 20:00' or '2 hours ago'"
        ) from None


def _ago(words: str, now: datetime) -> datetime | None:
    if words == "now":
        return now
    found = _AGO.fullmatch(words)
    if found is None:
        return None
    count = 1 if found["count"].startswith("a") else int(found["count"])
    return now - timedelta(**{_UNITS[found["unit"][0]]: count})


def _on_day(words: str, now: datetime) -> datetime | None:
    day, _, clock = words.partition(" ")
    at = _read_clock(clock.removeprefix("at ")) if clock else time()
    if day in {"today", "yesterday"}:
        return _local(now.date() - timedelta(days=day == "yesterday"), at)
    for number, name in enumerate(_WEEKDAYS):
        if len(day) > len("su") and name.startswith(day):
            return _last(now, at, (now.weekday() - number) % 7, 7)
    return None


def _last_clock(words: str, now: datetime) -> datetime | None:
    return _last(now, _read_clock(words), 0, 1) if _CLOCK.fullmatch(words) else None


def _last(now: datetime, at: time, days_back: int, period: int) -> datetime:
    """Return the time on that day, or a period of days before it if that is to come."""
    found = _local(now.date() - timedelta(days=days_back), at)
    return found if found <= now else _local(now.date() - timedelta(days=days_back + period), at)


def _read_clock(text: str) -> time:
    return time.fromisoformat(f"0{text}" if text[1:2] == ":" else text)


def _local(day: date, at: time) -> datetime:
    return datetime.combine(day, at).astimezone()
