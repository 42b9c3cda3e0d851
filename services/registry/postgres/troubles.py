"""What keeps the parts of a registry from their work: told by ``/readyz``, said once in the log.

No error of Postgres or Redis ends a part that runs in the background. The part says why it
cannot work, tries again after a growing delay, and says when that is over.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from redis.exceptions import RedisError

from services.registry.postgres.conditions import (
    AWAY,
    HUNG,
    LOCKED,
    PostgresUnavailableError,
)
from shared.bus.bus import BusUnavailableError
from shared.process import logs
from shared.process.backoff import Backoff

Expected: TypeAlias = PostgresUnavailableError | BusUnavailableError | RedisError
"""What a part in the background survives."""

EXPECTED: Final = (PostgresUnavailableError, BusUnavailableError, RedisError)

_FIRST_SECONDS: Final = 0.2
_LONGEST_SECONDS: Final = 2.0
_LOCKED_SECONDS: Final = 15.0
"""For so long a lock on the directory is no trouble: a large import holds it."""

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. All parts that suffer from it have an equal ``summary``."""

    summary: str
    """As the log and ``/readyz`` say it."""
    begins: str
    """The event when it begins; empty: another module logs it."""
    ends: str
    counts: bool = True
    """Whether the registry is not ready because of it."""


_POSTGRES_AWAY: Final = Trouble("Postgres is away", "postgres is away", "postgres is there")
_REDIS_AWAY: Final = Trouble("Redis is away", "", "", counts=False)
_REDIS_BROKEN: Final = Trouble(
    "Redis refuses a command", "redis refuses", "redis no longer refuses"
)
_REDIS_REMEDY: Final = "It is tried again. If this goes on, report it with this line"


def trouble_of(error: Expected) -> Trouble:
    """Return what is wrong."""
    if isinstance(error, BusUnavailableError):
        return _REDIS_AWAY
    if isinstance(error, RedisError):
        return _REDIS_BROKEN
    if error.condition in (AWAY, HUNG):
        return _POSTGRES_AWAY
    return Trouble(error.condition.summary, "postgres refuses", "postgres no longer refuses")


def reason_of(error: Expected) -> str:
    """Return what is wrong, how that is known, and what to do, for operators."""
    if isinstance(error, PostgresUnavailableError):
        summary, known = error.condition.summary, str(error)
        what = summary if known == summary else f"{summary}: {known}"
        return f"{what}. {error.condition.remedy}"
    if isinstance(error, BusUnavailableError):
        return str(error)
    return f"{_REDIS_BROKEN.summary}: {error}. {_REDIS_REMEDY}"


class Troubles:
    """The present troubles of all parts."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Trouble, str]] = {}

    @property
    def not_ready_because(self) -> str | None:
        """Why the registry is not ready, and what to do; None: it is."""
        return next((reason for trouble, reason in self._of.values() if trouble.counts), None)

    def has(self, part: str) -> bool:
        """Tell whether a part cannot work."""
        return part in self._of

    def begin(self, part: str, error: Expected) -> None:
        """Note why a part cannot work; log it unless another part suffers from it already."""
        trouble, reason = trouble_of(error), reason_of(error)
        is_new = trouble not in self._present()
        former = self._of.get(part)
        self._of[part] = trouble, reason
        if is_new and trouble.begins:
            if isinstance(error, PostgresUnavailableError) and error.is_bug:
                _log.error(trouble.begins, part=part, reason=reason, exc_info=error)
            else:
                _log.warning(trouble.begins, part=part, reason=reason)
        if former is not None:
            self._log_end(former[0])

    def end(self, part: str) -> None:
        """Note that a part works; log it if no other part suffers from the same any more."""
        former = self._of.pop(part, None)
        if former is not None:
            self._log_end(former[0])

    def _present(self) -> set[Trouble]:
        return {trouble for trouble, _ in self._of.values()}

    def _log_end(self, trouble: Trouble) -> None:
        if trouble.ends and trouble not in self._present():
            _log.info(trouble.ends, was=trouble.summary)


class Attempts:
    """The attempts of one part that runs in the background."""

    def __init__(self, part: str, troubles: Troubles, rng: random.Random) -> None:
        self._part = part
        self._troubles = troubles
        self._backoff = Backoff(_FIRST_SECONDS, _LONGEST_SECONDS, rng)
        self._worked_at = time.monotonic()

    @contextlib.asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Do a piece of work in this context. If it fails: note why, and wait a moment."""
        try:
            yield
        except EXPECTED as error:
            if not self._is_short_lock(error):
                self._troubles.begin(self._part, error)
            await asyncio.sleep(self._backoff.delay())
        else:
            self._worked_at = time.monotonic()
            self._troubles.end(self._part)
            self._backoff.reset()

    def _is_short_lock(self, error: Expected) -> bool:
        is_lock = isinstance(error, PostgresUnavailableError) and error.condition is LOCKED
        return is_lock and time.monotonic() - self._worked_at < _LOCKED_SECONDS
