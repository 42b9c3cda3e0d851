"""Which chargers with a visitor's phone have not been connected for too long.

Others may be switched off, in a box.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.registry.errors import DirectoryAbsentError
from services.registry.live.state import ChargerState, charger_state, to_datetime
from services.registry.live.state_reader import StateReader
from services.registry.notify.conditions.changes import Changes, Condition, changes_of
from services.registry.notify.conditions.rented import InUse
from services.registry.notify.events import About, Kind
from shared.bus.bus import BusUnavailableError

_AT_ONCE: Final = 250
"""Chargers whose state is read in one exchange."""


@dataclass(eq=False, repr=False)
class Silence:
    """Looks at chargers, again and again."""

    states: StateReader
    seconds: float
    """For so long a charger may be away."""
    clock: Callable[[], float] = time.monotonic
    _missed_since: dict[str, float] = field(default_factory=dict)
    """Of chargers that are away: since when this registry knows, by its clock."""

    async def changes(self, in_use: Sequence[InUse], raised: Collection[str]) -> Changes:
        """Return what must be told; nothing while Redis does not tell who is connected."""
        states: dict[str, ChargerState] = {}
        now = None
        try:
            for begin in range(0, len(in_use), _AT_ONCE):
                ids = [each.charger for each in in_use[begin : begin + _AT_ONCE]]
                found, environment = await self.states.chargers(ids)
                now = to_datetime(environment.now)
                for raw in found:
                    if (state := charger_state(raw, environment)) is not None:
                        states[state.id] = state
        except (BusUnavailableError, DirectoryAbsentError):
            return Changes()
        silent = [] if now is None else list(self.silent(in_use, states, raised, now))
        return changes_of(Kind.CHARGER_SILENT, silent, raised, untold=())

    def silent(
        self,
        in_use: Iterable[InUse],
        states: dict[str, ChargerState],
        raised: Collection[str],
        now: datetime,
    ) -> Iterable[Condition]:
        """Yield those that have been away for too long.

        Args:
            in_use: Chargers with a phone.
            states: Of those that are registered, as far as Redis knows by now.
            raised: Those that were told. They stay until they are online: another registry may
                have told it, which knew for longer that they are away.
            now: By Redis' clock, as the states.
        """
        away = []
        for each in in_use:
            state = states.get(each.charger)
            if state is not None and not state.online:
                away.append(each)
            elif state is None and each.charger in raised:
                yield _condition(each, None)
        clock = self.clock()
        self._missed_since = {
            each.charger: self._missed_since.get(each.charger, clock) for each in away
        }
        for each in away:
            seen = states[each.charger].last_seen
            missed = clock - self._missed_since[each.charger]
            # A charger that was off before has its time from the hand-over on. Of one that Redis
            # does not know (it was emptied), only this registry can tell.
            gone = (now - max(seen, each.opened_at)).total_seconds() if seen else missed
            if each.charger in raised or max(gone, missed) >= self.seconds:
                yield _condition(each, seen)


def _condition(charger: InUse, seen: datetime | None) -> Condition:
    since = max(seen, charger.opened_at) if seen else charger.opened_at
    data = {
        "charger": charger.charger,
        "since": since.isoformat(timespec="seconds"),
        "label": charger.label,
        "location": charger.location,
    }
    return Condition(Kind.CHARGER_SILENT, charger.charger, About.CHARGER, charger.charger, data)
