"""Whether Redis lets this process do its work: tried before it serves, and every other second.

What is tried changes nothing. So the reason for a refusal is known, and its end, whatever the
process has to do at the moment.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.refusals.config_agreement import Agreement, agree
from shared.bus.refusals.refusal import NOPERM, RefusedError, missing_rights
from shared.bus.refusals.rights import SCRIPTS_RULE, Rights
from shared.bus.refusals.trials import Trial, trials_of
from shared.bus.refusals.wrong_server import refuse_eviction, refuse_replica, refuse_wrong_server
from shared.bus.script import Call, Script
from shared.bus.subscriber import Subscriber
from shared.contract.names import AGREEMENTS, CHECK_KEY, channel_in_slot
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.runtime import CannotServeError

_log = logs.get(__name__)

_LOOK_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.5
"""Between two looks while something is refused, or Redis is away."""
_SETTLED_SECONDS: Final = 1.0
"""Without a refusal for so long, it is over."""
_NOTHING: Final = Script.with_prelude("check", "return 0")


@dataclass(kw_only=True, eq=False, repr=False)
class RedisCheck:
    """What Redis refuses to this process, and the log lines of that."""

    bus: Bus
    """A connection of its own."""
    rights: Rights
    agreement: Agreement
    """The settings that must be the same in all instances, by name."""
    connections: Sequence[Bus | Subscriber] = ()
    """The others of this process: what they were refused counts too."""
    rng: random.Random
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._found: BusUnavailableError | None = None
        self._said: RefusedError | None = None
        self._refused_at = 0.0
        self._waits_for = ""

    @property
    def not_ready_because(self) -> str | None:
        """What Redis refuses and what to do, or None. A Redis that is away refuses nothing."""
        refused = self._refused()
        if refused is None and self.clock() - self._refused_at <= _SETTLED_SECONDS:
            refused = self._said
        return None if refused is None else f"redis needs attention: {refused}"

    @property
    def away_because(self) -> str:
        """Why there is no connection to Redis, as far as is known, as half a sentence."""
        for trouble in (self._found, *(each.trouble for each in self.connections)):
            if trouble is not None:
                return f": {trouble}"
        return ""

    async def wait_and_agree(self) -> None:
        """Wait until Redis answers and lets this process work; compare the settings.

        Raises:
            CannotServeError: It never will: a right is missing, Redis is a cluster although the
                settings say one server (or the other way round), one of its servers may evict
                keys, or another instance is configured differently.
        """
        backoff = Backoff(0.1, 2.0, self.rng)
        while not await self.agree_once():  # noqa: ASYNC110 - nothing tells when Redis is back
            await asyncio.sleep(backoff.delay())

    async def agree_once(self) -> bool:
        """Do the same, but only once; return whether all is as it should be.

        Raises:
            CannotServeError: As for `wait_and_agree`.
        """
        try:
            await self._look()
        except BusUnavailableError as error:
            if isinstance(error, RefusedError) and error.refusal.is_setting:
                raise CannotServeError(str(error)) from error
            self._found = error
            if (kind := _kind_of(error)) != self._waits_for:
                self._waits_for = kind
                _log.warning("waiting for redis", reason=str(error))
            return False
        self._found = None
        return True

    async def _look(self) -> None:
        """Try everything that this process may have to do, and compare the settings."""
        try:
            await self._try_all()
        except RefusedError as error:
            if error.refusal.code != NOPERM:
                raise
            # Redis does not say which keys and channels it means: that is found one by one.
            missing = [rule for trial in self._trials() if (rule := await self._missing(trial))]
            if not missing:  # it was given back meanwhile
                raise
            raise RefusedError(missing_rights(missing, error.refusal.error)) from error

    async def _try_all(self) -> None:
        bus = self.bus
        for server in await bus.on_each_server("INFO", "server"):
            refuse_wrong_server(server, is_cluster=bus.is_cluster)
        if not bus.is_cluster:
            # In a cluster, a master that became a replica names its successor by itself.
            refuse_replica(await bus.command("ROLE"))
        for tag in bus.tags():
            await self._send(trials_of(self.rights, tag, is_cluster=bus.is_cluster))
            await bus.run([Call(_NOTHING, (channel_in_slot(CHECK_KEY, tag),), ())])
        for memory in await bus.on_each_server("INFO", "memory"):
            refuse_eviction(memory)
        await agree(bus, self.agreement)

    def _trials(self) -> Iterator[Trial]:
        for tag in self.bus.tags():
            yield from trials_of(self.rights, tag, is_cluster=self.bus.is_cluster)
            key = channel_in_slot(CHECK_KEY, tag)
            yield Trial(SCRIPTS_RULE, [["EVALSHA", _NOTHING.sha, 1, key]])
        for name, value in self.agreement.items():
            yield Trial(self.rights.agreeing_rule, [["HSETNX", AGREEMENTS, name, str(value)]])

    async def _missing(self, trial: Trial) -> str | None:
        try:
            await self._send([trial])
        except RefusedError as error:
            if error.refusal.code == NOPERM:
                return trial.missing_rule(error.refusal.error)
        return None

    async def _send(self, trials: Iterable[Trial]) -> None:
        commands = [words for trial in trials for words in trial.commands]
        await self.bus.commands(commands, return_errors=True)

    async def run(self) -> None:
        """Look again and again until cancelled; log what is found, once, and its end."""
        look_at = self.clock()
        while True:
            if self.clock() >= look_at or self._found is not None or self._refused() is not None:
                look_at = self.clock() + _LOOK_SECONDS
                try:
                    await self._look()
                except BusUnavailableError as error:
                    self._found = error
                else:
                    self._found = None
            self._say()
            await asyncio.sleep(_PAUSE_SECONDS)

    def _refused(self) -> RefusedError | None:
        for trouble in (self._found, *(each.trouble for each in self.connections)):
            if isinstance(trouble, RefusedError):
                return trouble
        return None

    def _say(self) -> None:
        refused = self._refused()
        if refused is not None:
            self._refused_at = self.clock()
            if self._said is None or self._said.refusal.code != refused.refusal.code:
                _log.error(
                    "redis needs attention",
                    reason=refused.refusal.reason,
                    remedy=refused.refusal.remedy,
                )
            self._said = refused
        elif (
            self._said is not None
            and self._found is None
            and self.clock() - self._refused_at > _SETTLED_SECONDS
        ):
            self._said = None
            _log.info("redis is in order again")


def _kind_of(error: BusUnavailableError) -> str:
    """Return what is the same for errors that one line tells of."""
    return error.refusal.code if isinstance(error, RefusedError) else "away"
