"""What must hold, judged by what really happened: the model knows who said what, and when.

At every moment:

- A connection of a widget is never shown anything older than what it was shown before.
- What it is shown was reported by the charger that the pairing of that status names, is of no
  older pairing than the one in effect when it connected, and was not reported before that pairing.
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
from typing import Any

from shared.bus.script import Argument, Call
from shared.contract.doorbells import Revision, StatusDoorbell, decode_status
from shared.contract.names import Names
from tests.model.devices import STATUS_OF, ChargerLine, Reading, WidgetLine
from tests.model.postgres import Pairing, Postgres
from tests.model.server import Message, Server

NONE: Revision = (0, 0)


class BrokenError(AssertionError):
    """Something that must hold does not."""


class Promise:
    """Looks on while scripts run and lights are shown.

    Args:
        server: Redis.
        names: Names in it.
        postgres: The truth about pairings.
        exact: Whether readings before a pairing are told apart by time; else they come within
            the slack that the registry grants to clocks, and only floors tell them apart.
    """

    def __init__(self, server: Server, names: Names, postgres: Postgres, *, exact: bool) -> None:
        self._server = server
        self._names = names
        self._postgres = postgres
        self._exact = exact
        self.moment = 0
        self.faults = 0
        self.is_broken = False
        self.charger_lines: list[ChargerLine] = []
        self.widget_lines: list[WidgetLine] = []
        self._drawn: defaultdict[str, int] = defaultdict(int)
        self._asserted: defaultdict[str, int] = defaultdict(int)
        self._stored: defaultdict[str, Revision] = defaultdict(lambda: NONE)
        self._uncovered: defaultdict[int, list[Revision]] = defaultdict(list)

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
            case "project_chargers":
                chargers = _columns(call.arguments[2:], 8)
                before = {i: (self.entry(i).get("pairing"), self._live(i)) for i in chargers}
                complete = self._is_complete(call)
                reply, messages = run()
                self._projected(before, complete=complete)
            case "project_secrets" | "remove_strays":
                reply, messages = run()
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
        """Redis lost something."""
        self.faults += 1
        self.next_moment()
        for pairing in self._postgres.pairings.values():
            pairing.floor_may_be_lost |= pairing.floor is None
        for line in self.widget_lines:
            if line.connection.pairing is None:
                line.least_pairing = 0
        self._look_anew()

    def _admitted(self, call: Call, reply: list[bytes]) -> None:
        for charger, answer in zip(_columns(call.arguments[1:], 3), reply[1:], strict=True):
            if answer.isdigit():
                epoch = int(answer)
                self.require(epoch > self._drawn[charger], charger, "drew no newer epoch", epoch)
                self._drawn[charger] = self._asserted[charger] = epoch

    def _reconciled(self, call: Call, reply: list[Any]) -> None:
        exceptions = dict(zip(reply[::2], reply[1::2], strict=True))
        for place, (charger, claim) in enumerate(_rows(call.arguments, 2)):
            # Kept, or only the reading is missing: the epoch is asserted in any case.
            if exceptions.get(place, b"missing") == b"missing":
                epoch = int(claim.removeprefix('{"epoch":').partition(",")[0])
                self._asserted[charger] = max(self._asserted[charger], epoch)

    def _stored_some(self, call: Call, reply: list[bytes]) -> None:
        for row, answer in zip(_rows(call.arguments[1:], 6), reply, strict=True):
            charger, epoch, sequence, _level, received_at, again = row
            if answer != b"stored":
                continue
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
            self._note_floor(charger, (epoch, sequence), received_at, again=bool(again))

    def _lit(self, call: Call, before: dict[str, StatusDoorbell]) -> None:
        for widget, status in self._statuses(call).items():
            old = before.get(widget)
            if status == old:
                continue
            self.require(old is None or status.fence > old.fence, status, "replaced", old)
            entry = json.loads(self._server.command("HGET", call.keys[0], widget))
            self.require(status.pairing == entry["pairing"], status, "is stored in", entry)
            self._check_source(widget, status)

    def _note_floor(
        self, charger: str, revision: Revision, received_at: int, *, again: bool
    ) -> None:
        """Note a reading that lights nothing for one of the reasons that the design has."""
        pairing, entry = self._postgres.pairing_of(charger), self.entry(charger)
        if pairing is None or entry.get("pairing") != pairing.number:
            return
        reading = self.reading(charger, revision)
        if tuple(entry.get("floor", NONE)) == revision:
            # Nobody knew the floor any more; or clocks differ by more than they should, on a
            # machine that stood still in the middle of measuring them.
            unknown = again and pairing.floor_may_be_lost
            reading.was_floor |= unknown or received_at < entry["paired_at"]

    def _projected(self, before: dict[str, tuple[int | None, Revision]], *, complete: bool) -> None:
        for charger, (number, live) in before.items():
            pairing, entry = self._postgres.pairing_of(charger), self.entry(charger)
            if pairing is None or entry.get("pairing") != pairing.number:
                continue
            if pairing.in_effect_at is None:
                pairing.in_effect_at = self.next_moment()
            is_new = number != pairing.number
            if is_new and (live != NONE or pairing.floor is not None or complete):
                self._uncovered[pairing.number].append(pairing.floor or live)
        self._look_anew()

    def _look_anew(self) -> None:
        """The registry forgets what belongs to former registrations, and faults what they like."""
        self._asserted.clear()
        self._stored.clear()
        for charger in {line.charger for line in self.charger_lines}:
            raw = self._server.command("HGET", self._names.of_charger(charger).live, charger)
            if raw is not None:
                state = json.loads(raw)
                self._asserted[charger] = state["epoch"]
                self._stored[charger] = tuple(state.get("revision", NONE))

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
        if line.shown:
            self.require(status.fence > line.shown[-1].fence, what, "after", line.shown[-1])
        self.require(
            status.pairing >= line.least_pairing, what, "though connected in", line.least_pairing
        )

    def _check_source(self, widget: str, status: StatusDoorbell) -> None:
        """A status is what a reading of its own pairing calls for."""
        reading = self.reading(status.charger, status.revision)
        pairing = self._postgres.pairings.get(status.pairing)
        what = f"{widget} gets {reading} in pairing {status.pairing}"
        self.require(pairing, what, "which never was")
        assert pairing is not None
        self.require(STATUS_OF[reading.level] == status.data.status, what, "in another colour")
        self.require(
            (pairing.charger, pairing.widget) == (status.charger, widget), what, "of somebody else"
        )
        if reading.moment < pairing.moment:
            self.require(self._may_be_taken_for_later(reading, pairing), what, "made before it")

    def _may_be_taken_for_later(self, reading: Reading, pairing: Pairing) -> bool:
        """Whether a reading came so shortly before a pairing that nobody could tell."""
        if self._exact:
            return False
        acknowledged = reading.acknowledged_at
        if acknowledged is None or acknowledged > pairing.moment:
            return True
        return any(floor < reading.revision for floor in self._uncovered[pairing.number])

    # When all has come to rest.

    def check_at_rest(self) -> None:
        """Everything was delivered that is ever going to be."""
        for line in self.charger_lines:
            connection = line.connection
            if not line.is_gone and connection.epoch is not None and not connection.superseded:
                self.require(connection.is_stored, line.charger, "waits for a receipt for ever")
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
        self.require(light is None or light.pairing == pairing.number, what, "in", pairing)
        newest = self._newest_acknowledged(pairing)
        if newest is None or (light is not None and light.revision >= newest.revision):
            return
        self.require(self._may_be_lost(newest, pairing), what, "instead of", newest, "in", pairing)

    def _newest_acknowledged(self, pairing: Pairing) -> Reading | None:
        # Counted from when the pairing was in effect in Redis: what is stored between the commit
        # and that moment becomes the floor.
        if pairing.in_effect_at is None:
            return None
        readings = [
            reading
            for line in self._lines_of(pairing.charger)
            for reading in line.readings
            if reading.acknowledged_at is not None and reading.moment > pairing.in_effect_at
        ]
        return max(readings, key=lambda reading: reading.revision, default=None)

    def _may_be_lost(self, reading: Reading, pairing: Pairing) -> bool:
        """Whether nobody is left to restore a reading, or it cannot be known to be new."""
        if reading.was_floor:
            return True
        if pairing.floor_may_be_lost:
            floor = tuple(self.entry(pairing.charger).get("floor", NONE))
            if floor >= reading.revision:
                return True
        newer = any(
            (other.connection.epoch or 0) > reading.revision[0]
            for other in self._lines_of(pairing.charger)
        )
        is_held = not reading.line.is_gone and not newer
        return self.faults > reading.faults_at_acknowledgement and not is_held

    def _pairing_of_widget(self, widget: str) -> Pairing | None:
        charger = self._postgres.charger_of(widget)
        return None if charger is None else self._postgres.pairing_of(charger)

    # Looking things up.

    def reading(self, charger: str, revision: Revision) -> Reading:
        """Return the reading with a revision."""
        for line in self._lines_of(charger):
            if line.connection.epoch == revision[0]:
                return line.readings[revision[1] - 1]
        self.is_broken = True
        raise BrokenError(f"nobody reported {revision} of {charger}")

    def _lines_of(self, charger: str) -> Iterator[ChargerLine]:
        return (line for line in self.charger_lines if line.charger == charger)

    def _live(self, charger: str) -> Revision:
        raw = self._server.command("HGET", self._names.of_charger(charger).live, charger)
        epoch, sequence = json.loads(raw).get("revision", NONE) if raw else NONE
        return (epoch, sequence)

    def entry(self, charger: str) -> dict[str, Any]:
        raw = self._server.command("HGET", self._names.of_charger(charger).directory, charger)
        entry: dict[str, Any] = json.loads(raw) if raw else {}
        return entry

    def _statuses(self, call: Call) -> dict[str, StatusDoorbell]:
        widgets = _columns(call.arguments, 10)
        stored = self._server.command("HMGET", call.keys[2], *widgets)
        found = zip(widgets, stored, strict=True)
        return {widget: decode_status(raw) for widget, raw in found if raw is not None}

    def _is_complete(self, call: Call) -> bool:
        return bool(self._server.command("EXISTS", call.keys[1]))


def _rows(arguments: Sequence[Argument], width: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(arguments)] * width, strict=True)


def _columns(arguments: Sequence[Argument], width: int) -> list[str]:
    return [str(row[0]) for row in _rows(arguments, width)]
