"""Judges the lights of some connected pairs at random, again and again, and counts.

Routers replace a wrong status by themselves, each about once a minute; this finds out that there
was one, and whether anything else keeps lights from being right.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.registry import metrics
from services.registry.errors import DirectoryAbsentError
from services.registry.explain.facts import charger_facts
from services.registry.lights_audit.outcome import Look, Outcome, is_judged, is_same_pair, judge
from services.registry.lights_audit.sampling import shares
from services.registry.live.state import to_datetime, widget_state
from services.registry.live.state_reader import StateReader
from services.registry.postgres.troubles import EXPECTED
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

ROUND_SECONDS: Final = 10.0
MOST_PAIRS: Final = 50
_MOST_LOOKED_AT: Final = 250
"""Of those that gateways know of, many may be offline, or not paired."""
_TRIES: Final = 4
_PAUSES: Final = (1.0, 4.2)
"""Between the looks. All together a little longer than the hub may take to be right again."""
_MOST_LOGGED: Final = 5
"""Wrong lights that are named in the log, of one round."""


@dataclass(eq=False, repr=False)
class LightsAudit:
    """Judges again and again, if no other registry does."""

    states: StateReader
    is_my_turn: Callable[[], bool]
    """Tells whether this registry judges: one does at a time."""
    rng: random.Random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        self._failures = RateLimitedLog(_log, "lights cannot be judged")

    async def run(self) -> None:
        """Judge until cancelled."""
        while True:
            began = time.monotonic()
            if self.is_my_turn():
                try:
                    await self.judge_some()
                except DirectoryAbsentError:
                    pass  # nobody can say which light is right; /readyz says that it is absent
                except EXPECTED as error:
                    self._failures.log(error)
            await asyncio.sleep(began + ROUND_SECONDS - time.monotonic())

    async def judge_some(self) -> None:
        """Judge some pairs once: this takes some seconds if any is not right at once.

        Raises:
            BusUnavailableError: Redis is away.
            DirectoryAbsentError: The directory is not in Redis.
        """
        last = first = await self._choose()
        open_pairs = self._count(first, first)
        for pause in _PAUSES:
            if not open_pairs:
                return
            await self.sleep(pause)
            last = await self._look(list(open_pairs))
            open_pairs = self._count(last, open_pairs)
        metrics.AUDITED[Outcome.WRONG].inc(len(open_pairs))
        _log_wrong([last[charger] for charger in open_pairs])

    def _count(self, looks: dict[str, Look], first: dict[str, Look]) -> dict[str, Look]:
        """Count what is certain, of pairs that are still the same; return what is left to see."""
        left: dict[str, Look] = {}
        wrong: list[Look] = []
        for charger, look in looks.items():
            if not is_same_pair(look, first[charger]):
                continue
            outcome = judge(look, first[charger])
            if outcome is None:
                left[charger] = first[charger]
                continue
            metrics.AUDITED[outcome].inc()
            if outcome is Outcome.WRONG:
                wrong.append(look)
        _log_wrong(wrong)
        return left

    async def _choose(self) -> dict[str, Look]:
        """Return connected pairs at random; all of them, where there are few chargers."""
        counts = await self.states.count_known_chargers()
        found: dict[str, Look] = {}
        for _ in range(_TRIES if sum(counts) > _MOST_LOOKED_AT else 1):
            chosen = shares(counts, _MOST_LOOKED_AT, self.rng)
            found |= await self._look(await self.states.some_known_chargers(chosen))
            if len(found) >= MOST_PAIRS:
                break
        kept = self.rng.sample(sorted(found), min(len(found), MOST_PAIRS))
        return {charger: found[charger] for charger in kept}

    async def _look(self, ids: Sequence[str]) -> dict[str, Look]:
        """Look at those of the chargers that are connected, as their widgets are."""
        raws, environment = await self.states.chargers(ids)
        found: dict[str, Look] = {}
        for raw in raws:
            facts = charger_facts(raw, environment, self.states.partition_of(raw.id))
            if facts is not None and facts.state.online and facts.state.widget:
                look = Look(facts, to_datetime(environment.now))
                if is_judged(look):
                    found[raw.id] = look
        return await self._with_connected_widgets(found)

    async def _with_connected_widgets(self, looks: dict[str, Look]) -> dict[str, Look]:
        widgets = [look.charger.entry.widget for look in looks.values()]
        raws, environment = await self.states.widgets(widgets)
        states = (widget_state(raw, environment) for raw in raws)
        return {
            charger: look
            for (charger, look), widget in zip(looks.items(), states, strict=True)
            if widget is not None
            and widget.online
            and widget.charger == charger
            and widget.pairing_number == look.charger.entry.pairing
        }


def _log_wrong(looks: Sequence[Look]) -> None:
    for look in looks[:_MOST_LOGGED]:
        state = look.charger.state
        _log.error(
            "a light is wrong",
            charger=state.id,
            widget=state.widget,
            shows=state.status.status if state.status else None,
            remedy=f"chargelight explain --charger {state.id}",
        )
    if len(looks) > _MOST_LOGGED:
        _log.error("more lights are wrong", count=len(looks) - _MOST_LOGGED)
