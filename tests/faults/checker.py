"""Whether a widget ever showed the wrong light: the guarantee, as a rule. No I/O.

Four rules, each broken by a `Violation`:

- *late*: 5 s after a fault ended (or without one) a connected widget shows, for
  longer than 5 s, something that its charger's readings do not call for; or it got no
  status message since a reading that was acknowledged, though it was sent longer ago; or
  its connection and its light are from before its pairing.
- *older*: a widget went from a newer reading's status back to an older one's.
- *lost*: in a quiet time, the last reading is not the one that is shown.
- *foreign*: a widget showed a status of another pairing than its own, or of a
  reading from before its pairing.

Called for are the status of the last acknowledged reading and, while later ones wait
for their receipt, theirs too: the hub may have stored them.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from shared.contract.device_protocol import ChargingStatus
from tests.faults.history import (
    Acknowledged,
    Event,
    FaultBegan,
    FaultEnded,
    PairingBegan,
    PairingInEffect,
    Quiet,
    Sent,
    Shown,
    WidgetConnected,
    WidgetDisconnected,
)

SETTLE_SECONDS: Final = 5.0
"""What the hub promises: right within this time after a fault."""

OLD_CONNECTION_SECONDS: Final = 2.0
"""How long a connection from before a re-pairing may still show the old light: the hub
promises a second, and the message may be on its way."""

PAIRING_SLACK_SECONDS: Final = 0.2
"""A reading that was on its way when a pairing was asked for may count for it."""

_MOST_READINGS: Final = 2000


class Rule(StrEnum):
    LATE = "late"
    OLDER = "older"
    LOST = "lost"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Violation:
    """A light that was wrong.

    Attributes:
        at: When that was certain.
        rule: The rule it breaks.
        widget: Whose light.
        words: What was seen, and what should have been.
    """

    at: float
    rule: Rule
    widget: str
    words: str

    def __str__(self) -> str:
        return f"{self.at:.3f} {self.widget}: {self.rule}: {self.words}"


@dataclass(slots=True)
class _Readings:
    """What a charger sent, and how much of it is acknowledged."""

    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=_MOST_READINGS))
    acknowledged: int = 0

    def called_for(self, since: float) -> set[ChargingStatus]:
        """Return what the readings since a moment call for; nothing before a receipt."""
        last: ChargingStatus | None = None
        later: set[ChargingStatus] = set()
        for reading in reversed(self.sent):
            if reading.at < since:
                break
            if reading.number <= self.acknowledged:
                last = reading.status
                break
            later.add(reading.status)
        return set() if last is None else later | {last}

    def said(self, since: float) -> list[ChargingStatus]:
        """Return all that was called for since a moment, in the order of time."""
        found: list[ChargingStatus] = []
        for reading in reversed(self.sent):
            if reading.at < since:
                break
            found.append(reading.status)
        return found[::-1]

    def sent_at(self, number: int) -> float:
        return next((one.at for one in reversed(self.sent) if one.number == number), 0.0)

    def last(self, since: float) -> Sent | None:
        """Return the newest reading, if it is acknowledged and from after a moment."""
        newest = self.sent[-1] if self.sent else None
        if newest is None or newest.at < since or newest.number > self.acknowledged:
            return None
        return newest


class _Order:
    """Whether a widget goes forward through what its charger called for.

    A status carries no number, but neighbouring runs of equal statuses differ, and a
    widget may skip runs, never go back. So a status belongs to the earliest run that it
    fits, from the last one on; if none fits, it is older than what was shown before.
    """

    def __init__(self, so_far: Iterable[ChargingStatus] = ()) -> None:
        self._runs: deque[ChargingStatus] = deque(maxlen=_MOST_READINGS)
        for status in so_far:
            self.sent(status)

    def sent(self, status: ChargingStatus) -> None:
        if not self._runs or self._runs[-1] is not status:
            self._runs.append(status)

    def shown(self, status: ChargingStatus) -> bool:
        """Return whether it is right to show this now."""
        if status not in self._runs:
            return False
        while self._runs[0] is not status:
            self._runs.popleft()
        return True


@dataclass(slots=True)
class _Light:
    """A widget, what it shows, and its pairing."""

    widget: str
    charger: str | None = None
    before: str | None = None
    """The charger before the current one: until the pairing is in effect, either may hold."""
    asked_at: float = 0.0
    in_effect_at: float | None = 0.0
    connected_at: float | None = None
    shown: ChargingStatus | None = None
    wrong_since: float | None = None
    heard_at: float = 0.0
    """When the last status message came."""
    unanswered_since: float | None = None
    """When the first acknowledged reading was sent that no status message came for."""
    reported: bool = False
    order: _Order = field(default_factory=_Order)

    @property
    def is_settled(self) -> bool:
        """Whether it is certain which pairing holds."""
        return self.in_effect_at is not None

    @property
    def is_kept(self) -> bool:
        """Whether connection and light are from before the pairing, though that holds."""
        connected, holds = self.connected_at, self.in_effect_at
        if self.shown is None or connected is None or holds is None:
            return False
        return connected < self.asked_at and self.heard_at < holds

    def expects_message_since(self, sent_at: float) -> bool:
        """Whether a status message must come for a reading sent then, and none has."""
        if self.in_effect_at is None or self.connected_at is None:
            return False
        return sent_at >= max(self.in_effect_at, self.connected_at) and self.heard_at < sent_at


class Checker:
    """Takes events in the order of time and collects violations."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._readings: dict[str, _Readings] = {}
        self._lights: dict[str, _Light] = {}
        self._by_charger: dict[str, list[_Light]] = {}
        self._faults = 0
        self._clear_since = 0.0

    def take(self, event: Event) -> None:
        match event:
            case Sent():
                self._sent(event)
            case Acknowledged():
                self._acknowledged(event)
            case PairingBegan():
                self._pairing_began(event)
            case PairingInEffect():
                light = self._light(event.widget)
                light.in_effect_at = event.at
                self._judge(light, event.at)
            case WidgetConnected() | WidgetDisconnected():
                self._connection_changed(event)
            case Shown():
                self._shown(event)
            case FaultBegan() | FaultEnded():
                self._fault_changed(event)
            case Quiet():
                self._quiet(event)

    def not_right(self, now: float, patience: float = 0.0) -> list[str]:
        """Return the widgets that are not connected, or not right for so many seconds."""
        found: list[str] = []
        for light in self._lights.values():
            self._judge(light, now)
            since = light.wrong_since
            wrong = since is not None and now - since >= patience
            if light.connected_at is None or wrong:
                found.append(light.widget)
        return found

    # What the events mean.

    def _sent(self, event: Sent) -> None:
        readings = self._readings.setdefault(event.charger, _Readings())
        readings.sent.append(event)
        for light in self._by_charger.get(event.charger, ()):
            light.order.sent(event.status)
            self._judge(light, event.at)

    def _acknowledged(self, event: Acknowledged) -> None:
        readings = self._readings.setdefault(event.charger, _Readings())
        readings.acknowledged = max(readings.acknowledged, event.number)
        sent_at = readings.sent_at(event.number)
        for light in self._by_charger.get(event.charger, ()):
            if light.expects_message_since(sent_at) and light.unanswered_since is None:
                light.unanswered_since = sent_at
            self._judge(light, event.at)

    def _connection_changed(self, event: WidgetConnected | WidgetDisconnected) -> None:
        light = self._light(event.widget)
        self._judge(light, event.at)
        light.shown = light.wrong_since = light.unanswered_since = None
        light.connected_at = event.at if isinstance(event, WidgetConnected) else None
        self._judge(light, event.at)

    def _fault_changed(self, event: FaultBegan | FaultEnded) -> None:
        if isinstance(event, FaultBegan):
            for light in self._lights.values():
                self._judge(light, event.at)
            self._faults += 1
        else:
            self._faults -= 1
            self._clear_since = event.at

    def _pairing_began(self, event: PairingBegan) -> None:
        light = self._light(event.widget)
        self._judge(light, event.at)
        if light.charger is not None:
            self._by_charger[light.charger].remove(light)
        light.before, light.charger = light.charger, event.charger
        light.asked_at, light.in_effect_at = event.at, None
        light.wrong_since = light.unanswered_since = None
        # Revisions are only compared within one pairing, and so is the order here.
        light.order = _Order()
        if event.charger is not None:
            self._by_charger.setdefault(event.charger, []).append(light)
            readings = self._readings.get(event.charger, _Readings())
            light.order = _Order(readings.said(event.at - PAIRING_SLACK_SECONDS))

    def _shown(self, event: Shown) -> None:
        light = self._light(event.widget)
        self._judge(light, event.at)
        light.shown, light.heard_at = event.status, event.at
        light.unanswered_since = None
        if self._is_foreign(light, event):
            self._add_violation(
                light, event.at, Rule.FOREIGN, f"{event.status} is not of its pairing"
            )
        elif (
            light.is_settled
            and self._connected_since_pairing(light)
            and not light.order.shown(event.status)
        ):
            self._add_violation(light, event.at, Rule.OLDER, f"{event.status} was over already")
        self._judge(light, event.at)

    def _is_foreign(self, light: _Light, event: Shown) -> bool:
        since = light.asked_at - PAIRING_SLACK_SECONDS
        own = self._readings.get(light.charger) if light.charger is not None else None
        if own is not None and event.status in own.said(since):
            return False
        before = self._readings.get(light.before) if light.before is not None else None
        may_be_old = not light.is_settled or (
            not self._connected_since_pairing(light)
            and event.at - (light.in_effect_at or 0.0) <= OLD_CONNECTION_SECONDS
        )
        return not (may_be_old and before is not None and event.status in before.said(0.0))

    def _quiet(self, event: Quiet) -> None:
        for light in self._lights.values():
            self._judge(light, event.at)
            if light.connected_at is None or not light.is_settled or light.charger is None:
                continue
            readings = self._readings.get(light.charger)
            last = readings.last(light.in_effect_at or 0.0) if readings is not None else None
            if last is not None and light.shown is not last.status:
                words = f"shows {light.shown or 'nothing'}, the last reading was {last.status}"
                self._add_violation(light, event.at, Rule.LOST, words)

    # Judging.

    def _judge(self, light: _Light, now: float) -> None:
        """Note since when a light is wrong, and report it once that is too long."""
        if self._is_right(light):
            light.wrong_since = None
        elif light.wrong_since is None:
            light.wrong_since = now
        if light.wrong_since is None and light.unanswered_since is None:
            light.reported = False
        if self._faults or light.reported:
            return
        shown = light.shown or "nothing"
        if (seconds := self._too_long(light.wrong_since, now)) is not None:
            called_for = ", ".join(sorted(self._called_for(light))) or "that of its pairing"
            words = f"shows {shown} for {seconds:.1f} s, not {called_for}"
        elif (seconds := self._too_long(light.unanswered_since, now)) is not None:
            words = f"heard nothing for {seconds:.1f} s of readings, and shows {shown}"
        else:
            return
        light.reported = True
        self._add_violation(light, now, Rule.LATE, words)

    def _too_long(self, since: float | None, now: float) -> float | None:
        """Return the seconds since a moment or the last fault, if they are too many."""
        if since is None:
            return None
        seconds = now - max(since, self._clear_since)
        return seconds if seconds > SETTLE_SECONDS else None

    def _is_right(self, light: _Light) -> bool:
        if light.connected_at is None or not light.is_settled:
            return True
        if light.is_kept:
            return False
        called_for = self._called_for(light)
        return not called_for or light.shown in called_for

    def _called_for(self, light: _Light) -> set[ChargingStatus]:
        readings = self._readings.get(light.charger) if light.charger is not None else None
        if readings is None or light.in_effect_at is None:
            return set()
        return readings.called_for(light.in_effect_at)

    @staticmethod
    def _connected_since_pairing(light: _Light) -> bool:
        return (light.connected_at or 0.0) >= (light.in_effect_at or 0.0)

    def _light(self, widget: str) -> _Light:
        return self._lights.setdefault(widget, _Light(widget))

    def _add_violation(self, light: _Light, at: float, rule: Rule, words: str) -> None:
        self.violations.append(Violation(at, rule, light.widget, words))
