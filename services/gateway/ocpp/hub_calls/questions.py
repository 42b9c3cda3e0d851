"""What the hub asks a charger by itself: to report its state of charge, and for its level now."""

from dataclasses import dataclass, field
from typing import Final

from services.gateway.ocpp.full_when.rules import FullRules
from services.gateway.ocpp.hub_calls import asking
from services.gateway.ocpp.hub_calls.asking import Asking, Question
from services.gateway.ocpp.hub_calls.calls import Calls, HubCall, Outcome
from services.gateway.ocpp.known import Known
from services.gateway.ocpp.messages import Status, read, text
from services.gateway.ocpp.negotiation import Version
from shared.contract.presence import OcppNote as Note

_APART_SECONDS: Final = 30.0
"""How long to wait before a connector is triggered again: every 5 s drops some chargers."""
_ACCEPTED: Final = "Accepted"
_NEVER: Final = frozenset(("NotImplemented", "NotSupported"))


@dataclass(slots=True, eq=False, repr=False)
class Questions:
    """The questions of one connection, in order.

    Attributes:
        triggered_at: When each connector was last asked for its level, by the context's clock.
    """

    version: Version
    known: Known
    calls: Calls
    rules: FullRules
    triggered_at: dict[int, float] = field(default_factory=dict)
    _asking: Asking | None = None
    _next: Question | None = None  # of asking, not in the queue yet
    _is_begun: bool = False
    _can_trigger: bool = True
    _met: set[int] = field(default_factory=set)  # connectors that are, or were, triggered once
    _due: set[int] = field(default_factory=set)  # those to trigger
    _states_due: set[int] = field(default_factory=set)  # those whose state to ask for
    _state_asked_at: dict[int, float] = field(default_factory=dict)  # when it was, as triggered_at

    def restart(self) -> None:
        """Begin again, as the charger did; what it was set to may be lost."""
        self._state_asked_at.clear()
        if self._asking is None:
            self._is_begun = False
            self._met.clear()

    def trigger_soon(self, connector: int) -> None:
        """Ask for a connector's level, but not at once if it was asked just now."""
        if self._can_trigger:
            self._due.add(connector)

    def ask_state_soon(self, connector: int) -> None:
        """The same for a connector's state, if it counts: also of one that is known."""
        if self._can_trigger and self.rules.goes_by_state(connector):
            self._states_due.add(connector)

    @property
    def next_at(self) -> float | None:
        """When `plan` has more to do, by the context's clock."""
        if self._asking is not None or not self.calls.has_room:
            return None  # an answer is waited for
        times = (*map(self._due_at, self._due), *map(self._state_due_at, self._states_due))
        return min(times, default=None)

    def plan(self, now: float) -> None:
        """Put what is due into the queue of calls."""
        if not self._is_begun:
            self._begin()
        if self._next is not None and self.calls.add(HubCall(*self._next, "ask")):
            self._next = None
        if self._asking is not None:
            return
        self._ask_states(now)
        self._meet()
        for connector in sorted(self._due):
            if self._due_at(connector) <= now and self.calls.has_room:
                self.calls.add(
                    HubCall(*asking.trigger(self.version, connector), "trigger", connector)
                )
                self.triggered_at[connector] = now
                self._due.discard(connector)

    def _begin(self) -> None:
        self._is_begun = True
        if not self.known.reporting:
            self._asking = asking.ask(self.version)
            self._next = next(self._asking)

    def _ask_states(self, now: float) -> None:
        """Ask for states that count: a charger tells them by itself only when they change."""
        unasked = self.rules.without_state - self._state_asked_at.keys()
        for connector in sorted(unasked | self._states_due):
            question = asking.trigger_state(self.version, connector)
            if self._state_due_at(connector) <= now and self.calls.add(
                HubCall(*question, "state", connector)
            ):
                self._state_asked_at[connector] = now
                self._states_due.discard(connector)

    def _meet(self) -> None:
        """Ask each connector for its level once, unless it says it by itself."""
        connectors = {number for number in self.known.states if number} or {1}
        for connector in connectors - self._met:
            self._met.add(connector)
            if connector not in self.known.reporting:
                self.trigger_soon(connector)

    def _due_at(self, connector: int) -> float:
        return self.triggered_at.get(connector, -_APART_SECONDS) + _APART_SECONDS

    def _state_due_at(self, connector: int) -> float:
        return self._state_asked_at.get(connector, -_APART_SECONDS) + _APART_SECONDS

    def on_sent(self, call: HubCall, now: float) -> None:
        """Note when a connector was asked."""
        if call.purpose == "trigger":
            self.triggered_at[call.connector] = now
        elif call.purpose == "state":
            self._state_asked_at[call.connector] = now

    def on_outcome(self, outcome: Outcome) -> None:
        """Take the answer to a question."""
        if outcome.call.purpose == "trigger":
            self._on_triggered(outcome)
        elif outcome.call.purpose == "ask" and self._asking is not None:
            try:
                self._next = self._asking.send(outcome.payload)
            except StopIteration as end:
                self._asking = None
                for note, said in end.value:
                    self.known.note(note, said)

    def _on_triggered(self, outcome: Outcome) -> None:
        answer = read(outcome.payload, Status) if outcome.payload is not None else None
        said = outcome.error if answer is None else text(answer.status)
        if said != _ACCEPTED:
            connector = outcome.call.connector
            self.known.note(Note.CANNOT_TRIGGER, f"connector {connector}: {said or 'no status'}")
        if said in _NEVER:
            self._can_trigger = False
            self._due.clear()
            self._states_due.clear()
