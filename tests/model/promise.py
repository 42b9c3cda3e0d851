"""What must hold, judged by what really happened: the model knows who said what, and when.

At every moment:

- A connection of a widget is never shown anything older than what it was shown before.
- What it is shown was reported by the charger that the pairing of that status names, is of no
  older pairing than the one in effect when it connected, and was not sent before that pairing
  was made. When it arrived says nothing.
- Epochs grow, whatever Redis loses. Once an epoch was asserted to this Redis, nothing that an
  older connection says is stored; and what is stored, of a charger or for a widget, never becomes
  older.

When everything has come to rest:

- Each widget shows what the newest acknowledged reading of its charger in this pairing calls for,
  or is dark if there is none. So does one that connects only now.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.script import Argument, Call
from shared.contract.doorbells import Revision, StatusDoorbell, decode_status
from shared.contract.names import Names
from shared.contract.tolerant_json import NOT_DECODABLE
from tests.model.devices import STATUS_OF, ChargerLine, Reading, WidgetLine
from tests.model.postgres import Pairing, Postgres
from tests.model.server import Message, Server
from tests.model.steps import BrokenError

NONE: Revision = (0, 0)
FUTURE: Final = 5 * 10**15
"""A number that can be counted up from, but that no clock and no sequence here ever reaches."""
_STORE_WIDTH: Final = 6
_LIGHT_WIDTH: Final = 10


class Promise:
    """Looks on while scripts run and lights are shown.

    Args:
        server: Redis.
        names: Names in it.
        postgres: The truth about pairings.
    """

    def __init__(self, server: Server, names: Names, postgres: Postgres) -> None:
        self._server = server
        self._names = names
        self._postgres = postgres
        self.moment = 0
        self.faults = 0
        self.stepped_at = 0
        """When a wall clock was moved last."""
        self.is_broken = False
        self.charger_lines: list[ChargerLine] = []
        self.widget_lines: list[WidgetLine] = []
        self._drawn: defaultdict[str, int] = defaultdict(int)
        self._asserted: defaultdict[str, int] = defaultdict(int)
        self._stored: defaultdict[str, Revision] = defaultdict(lambda: NONE)
        self._marks: dict[tuple[str, Revision], str] = {}
        """What readings were marked with when they were stored."""

    def next_moment(self) -> int:
        self.moment += 1
        return self.moment

    def require(self, condition: object, *what: object) -> None:
        if not condition:
            self.is_broken = True
            raise BrokenError(" ".join(map(str, what)))

    # What scripts do.

    def ran(
        self, call: Call, run: Callable[[], tuple[Any, list[Message]]]
    ) -> tuple[Any, list[Message]]:
        """Let a script run, and look what came of it."""
        match call.script.name:
            case "project_chargers" | "project_secrets" | "remove_strays":
                reply, messages = run()
                self._note_effect()
                self._look_anew()
            case "admit":
                reply, messages = run()
                self._admitted(call, reply)
            case "reconcile":
                reply, messages = run()
                self._reconciled(call, reply)
            case "store":
                reply, messages = run()
                self._stored_some(call, reply)
            case "light":
                old = self._statuses(call)
                reply, messages = run()
                self._lit(call, old)
            case _:
                reply, messages = run()
        return reply, messages

    def lost(self) -> None:
        """Redis lost something, or something in it was broken."""
        self.faults += 1
        self.next_moment()
        for line in self.widget_lines:
            if not hasattr(line, "connection") or line.connection.pairing is None:
                line.least_pairing = 0
        self._look_anew()

    def _admitted(self, call: Call, reply: list[bytes]) -> None:
        for charger, answer in zip(_columns(call.arguments[1:], 3), reply[1::2], strict=True):
            if answer.isdigit():
                epoch = int(answer)
                self.require(epoch > self._drawn[charger], charger, "drew no newer epoch", epoch)
                self._drawn[charger] = self._asserted[charger] = epoch

    def _reconciled(self, call: Call, reply: list[Any]) -> None:
        exceptions = dict(zip(reply[1::3], reply[2::3], strict=True))
        for place, (charger, claim, _) in enumerate(_rows(call.arguments, 3)):
            # Kept, or only the reading is missing: the epoch is asserted in any case.
            if exceptions.get(place, b"missing") in (b"missing", b"kept"):
                epoch = int(claim.removeprefix('{"epoch":').partition(",")[0])
                self._asserted[charger] = max(self._asserted[charger], epoch)

    def _stored_some(self, call: Call, reply: list[bytes]) -> None:
        for row, answer in zip(_rows(call.arguments[2:], _STORE_WIDTH), reply, strict=True):
            charger, epoch, sequence, _, _, mark = row
            if answer != b"stored":
                continue
            self._marks[charger, (epoch, sequence)] = mark
            self.require(
                epoch >= self._asserted[charger],
                f"{charger}: a superseded connection ({epoch}) stored something, after",
                self._asserted[charger],
            )
            self._asserted[charger] = epoch
            live = self._live(charger)
            self.require(
                live >= self._stored[charger],
                f"{charger}: {live} replaced {self._stored[charger]}",
            )
            self._stored[charger] = live

    def _lit(self, call: Call, before: dict[str, StatusDoorbell]) -> None:
        for widget, status in self._statuses(call).items():
            old = before.get(widget)
            if status == old:
                continue
            self._check_order(status, old)
            entry = self.decoded(call.keys[0], widget)
            self.require(status.pairing == entry["pairing"], status, "is stored in", entry)
            self._check_source(widget, status)

    def _note_effect(self) -> None:
        for charger in {pairing.charger for pairing in self._postgres.pairings}:
            pairing = self._postgres.pairing_of(charger)
            if pairing is None or pairing.in_effect_at is not None:
                continue
            entry = self.entry(charger)
            if entry.get("pairing") == pairing.number and self._is_of(entry, pairing):
                pairing.in_effect_at = self.next_moment()

    @staticmethod
    def _is_of(entry: dict[str, Any], pairing: Pairing) -> bool:
        return bool(entry.get("token", pairing.token) == pairing.token)

    def _look_anew(self) -> None:
        """The registry forgets what belongs to former registrations, and faults what they like."""
        self._asserted.clear()
        self._stored.clear()
        for charger in {line.charger for line in self.charger_lines}:
            state = self.decoded(self._names.of_charger(charger).live, charger)
            epoch = state.get("epoch")
            if isinstance(epoch, int) and epoch < FUTURE:
                self._asserted[charger] = epoch
                self._stored[charger] = self._live(charger)

    # What devices are told.

    def receipt(self, line: ChargerLine, sequence: int) -> None:
        """A charger got the receipt of its readings up to this one."""
        for reading in line.readings[:sequence]:
            if reading.acknowledged_at is None:
                reading.acknowledged_at = self.next_moment()
                reading.faults_at_acknowledgement = self.faults

    def shown(self, line: WidgetLine, status: StatusDoorbell) -> None:
        """A widget is told a status."""
        what = f"{line.widget} shows {status}"
        self._check_source(line.widget, status)
        self._check_order(status, line.shown[-1] if line.shown else None)
        self.require(
            status.pairing >= line.least_pairing, what, "though connected in", line.least_pairing
        )

    def _check_order(self, status: StatusDoorbell, old: StatusDoorbell | None) -> None:
        """A status is newer than the one that it replaces; else nothing can have led to that."""
        if old is None or status.fence > old.fence:
            return
        is_named = status.replaces == old.revision or old.pairing >= FUTURE
        self.require(is_named and self._is_lost(old), status, "replaced", old)

    def _is_lost(self, status: StatusDoorbell) -> bool:
        """Whether nobody has the reading of a status any more."""
        if max(status.pairing, status.revision[0]) >= FUTURE:
            return True
        line = self.reading(status.charger, status.revision).line
        return self.faults > 0 and (line.is_gone or self._has_newer(line))

    def _check_source(self, widget: str, status: StatusDoorbell) -> None:
        """A status is what a reading of its own pairing calls for."""
        if max(status.pairing, status.revision[0]) >= FUTURE:
            return  # written by hand
        reading = self.reading(status.charger, status.revision)
        what = f"{widget} gets {reading} in pairing {status.pairing}"
        self.require(STATUS_OF[reading.level] == status.data.status, what, "in another colour")
        pairing = self._pairing_of_status(widget, status)
        self.require(pairing, what, "which never was between these two")
        assert pairing is not None
        self.require(reading.moment > pairing.moment, what, "sent before it was made")

    def _pairing_of_status(self, widget: str, status: StatusDoorbell) -> Pairing | None:
        """Return the pairing that a status belongs to.

        Of those that got the same number, because Postgres went back in time, it is the newest
        one that was in effect already.
        """
        found = [
            pairing
            for pairing in self._postgres.pairings
            if pairing.number == status.pairing
            and (pairing.charger, pairing.widget) == (status.charger, widget)
        ]
        in_effect = [pairing for pairing in found if pairing.in_effect_at is not None]
        return next(reversed(in_effect or found), None)

    # When all has come to rest.

    def check_at_rest(self) -> None:
        """Everything was delivered that is ever going to be."""
        for line in self.charger_lines:
            if not line.is_gone and line.epoch is not None and not line.connection.superseded:
                self.require(
                    line.connection.is_stored, line.charger, "waits for a receipt for ever"
                )
        for names in self._names.chargers:
            waiting = self._server.command("ZRANGE", names.pending, 0, -1)
            self.require(not waiting, waiting, "stays pending for ever")
        for widget_line in self.widget_lines:
            if not widget_line.is_gone:
                self._check_light(widget_line)

    def _check_light(self, line: WidgetLine) -> None:
        pairing = self._pairing_of_widget(line.widget)
        light = line.shown[-1] if line.shown else None
        what = f"{line.widget} shows {light} at rest"
        if pairing is None:
            self.require(light is None, what, "but is not paired")
            return
        if light is not None:
            self.require(light.charger == pairing.charger, what, "in", pairing)
            reading = self.reading(light.charger, light.revision)
            self.require(reading.moment > pairing.moment, what, "sent before", pairing)
        newest = self._newest_acknowledged(pairing)
        if newest is None or (light is not None and light.revision >= newest.revision):
            return
        self.require(self._may_be_lost(newest, pairing), what, "instead of", newest, "in", pairing)

    def _newest_acknowledged(self, pairing: Pairing) -> Reading | None:
        readings = [
            reading
            for line in self._lines_of(pairing.charger)
            for reading in line.readings
            if reading.acknowledged_at is not None and reading.moment > pairing.moment
        ]
        return max(readings, key=lambda reading: reading.revision, default=None)

    def _may_be_lost(self, reading: Reading, pairing: Pairing) -> bool:
        """Whether nobody is left to restore a reading, or to be asked for it again."""
        line = reading.line
        is_marked = self._marks.get((line.charger, reading.revision)) == pairing.mark
        if not line.is_gone and not self._has_newer(line):
            # By a clock that was moved, it may seem to be from before the pairing; and a charger
            # that was registered anew is told so on its next frame, not asked.
            is_misjudged = line.connection.superseded or self.stepped_at > pairing.moment
            return not is_marked and is_misjudged
        if not is_marked or self._is_followed_by_uncertain(line, pairing):
            return True
        is_stored = self._live(line.charger) >= reading.revision
        return self.faults > reading.faults_at_acknowledgement and not is_stored

    def _is_followed_by_uncertain(self, line: ChargerLine, pairing: Pairing) -> bool:
        """Whether a later connection stored a reading without a mark, and ended unasked.

        Its device did not wait for its 101.
        """
        stored = self._live(line.charger)
        mark = self._marks.get((line.charger, stored))
        is_gone = all(other.is_gone for other in self._lines_of(line.charger))
        return stored[0] > (line.epoch or 0) and mark != pairing.mark and is_gone

    def _has_newer(self, line: ChargerLine) -> bool:
        return any((other.epoch or 0) > (line.epoch or 0) for other in self._lines_of(line.charger))

    def _pairing_of_widget(self, widget: str) -> Pairing | None:
        charger = self._postgres.charger_of(widget)
        return None if charger is None else self._postgres.pairing_of(charger)

    # Looking things up.

    def reading(self, charger: str, revision: Revision) -> Reading:
        """Return the reading with a revision."""
        for line in self._lines_of(charger):
            if line.epoch == revision[0] and revision[1] <= len(line.readings):
                return line.readings[revision[1] - 1]
        self.is_broken = True
        raise BrokenError(f"nobody reported {revision} of {charger}")

    def _lines_of(self, charger: str) -> Iterator[ChargerLine]:
        return (line for line in self.charger_lines if line.charger == charger)

    def _live(self, charger: str) -> Revision:
        state = self.decoded(self._names.of_charger(charger).live, charger)
        match state.get("revision"):
            case [int(epoch), int(sequence)]:
                return (epoch, sequence)
        return NONE

    def entry(self, charger: str) -> dict[str, Any]:
        return self.decoded(self._names.of_charger(charger).directory, charger)

    def decoded(self, key: str, field: str) -> dict[str, Any]:
        """Return a value of a hash; {} if it is not there, or broken."""
        try:
            raw = self._server.command("HGET", key, field)
            value = json.loads(raw) if raw is not None else {}
        except (ResponseError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def _statuses(self, call: Call) -> dict[str, StatusDoorbell]:
        widgets = _columns(call.arguments, _LIGHT_WIDTH)
        found: dict[str, StatusDoorbell] = {}
        try:
            stored = self._server.command("HMGET", call.keys[2], *widgets)
        except ResponseError:
            return found
        for widget, raw in zip(widgets, stored, strict=True):
            if raw is not None:
                try:
                    found[widget] = decode_status(raw)
                except NOT_DECODABLE:
                    continue
        return found


def _rows(arguments: Sequence[Argument], width: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(arguments)] * width, strict=True)


def _columns(arguments: Sequence[Argument], width: int) -> list[str]:
    return [str(row[0]) for row in _rows(arguments, width)]
