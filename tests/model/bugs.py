"""The seeded bugs, each by what it takes away."""

from typing import Final

from tests.model import moves
from tests.model.machine import Aim
from tests.model.moves import Group
from tests.model.seeded import Bug, MethodBug, ScriptBug

_GATEWAY = "services.gateway.scripts"
_ROUTER = "services.router.scripts"
_DIRECTORY = "services.registry.directory.scripts"

_CONNECTION = "services.gateway.chargers.charger_connection"
_MARKS = "services.gateway.chargers.marks"

FOUND: Final[dict[str, Bug]] = {
    "a status overwrites a newer one": ScriptBug(
        _ROUTER, "LIGHT", "if newer(epoch, sequence, at[1], at[2]) then", "if true then"
    ),
    "a status of another pairing is written": ScriptBug(
        _ROUTER, "LIGHT", "if number ~= pairing or paired_with ~= charger", "if not number"
    ),
    "a superseded connection stores": ScriptBug(
        _GATEWAY, "STORE", "if state.epoch > at then return 'superseded' end", ""
    ),
    "a reading overwrites a newer one": ScriptBug(
        _GATEWAY,
        "STORE",
        "is_new = not stored or newer(at, number, stored[1], stored[2])\n",
        "is_new = true\n",
    ),
    "pending is cleared whatever came since": ScriptBug(
        _ROUTER,
        "CLEAR_PENDING",
        "has_pairing(id, ARGV[i + 3]) and has_reading(id, ARGV[i + 1], ARGV[i + 2])",
        "true",
    ),
    "nothing overdue is found": MethodBug(
        "services.router.find_overdue",
        "OverdueFinder",
        "find",
        "owned = sorted(self._owned)",
        "owned: list[int] = []",
    ),
    "nothing is marked after a loss": MethodBug(
        "services.router.find_overdue",
        "OverdueFinder",
        "_mark",
        "self._unmarked |= self._owned.intersection(partitions)",
        "pass",
    ),
    "a status is read before its channel is subscribed": MethodBug(
        "services.gateway.widgets.widgets",
        "Widgets",
        "on_confirmed",
        "for channel in channels",
        "for channel in ()",
    ),
    "reconciling asserts no epoch": ScriptBug(
        _GATEWAY, "RECONCILE", "if state.epoch < epoch then", "if false then"
    ),
    "a widget stays connected in another pairing": MethodBug(
        "services.gateway.widgets.widgets",
        "Widgets",
        "_update",
        'widget.close(CloseCode.GOING_AWAY, "the pairing changed")\n        return False',
        "widget.pairing = pairing",
    ),
    "a late message is shown": MethodBug(
        "services.gateway.widgets.widget_connection",
        "WidgetConnection",
        "show",
        " or not self._is_newer(status)",
        "",
    ),
    # Marks: which pairing a reading belongs to.
    "the mark is not compared when a reading is stored": ScriptBug(
        _GATEWAY, "STORE", "return mark ~= '' and mark == present", "return true"
    ),
    "the mark is not compared when a reading is overdue": ScriptBug(
        _ROUTER, "FIND_OVERDUE", "return mark ~= '' and mark == present", "return true"
    ),
    "a new epoch loses the mark": ScriptBug(
        _GATEWAY,
        "ADMIT",
        "number(state.soc), with_trace(int(state.received_at), state.traceparent), state.mark)",
        "number(state.soc), with_trace(int(state.received_at), state.traceparent), '')",
    ),
    "a reading has the mark of its last frame": MethodBug(
        _CONNECTION,
        "ChargerConnection",
        "_mark_reading",
        "self.mark, self._arrived_at = begun or (",
        "self.mark, self._arrived_at = (",
    ),
    "a reading is marked as soon as the pairing is known": MethodBug(
        _MARKS,
        "Marks",
        "learn",
        'if not pairing.mark:\n        self.in_force = ""',
        "if True:\n        self.in_force = pairing.mark",
    ),
    "any pong marks": MethodBug(
        _MARKS,
        "Marks",
        "on_pong",
        "if not self.is_awaited or payload != self._payload:",
        "if False:",
    ),
    "the 101 marks although the device has sent more": MethodBug(
        "services.gateway.connection.handshake",
        "Handshake",
        "_accept",
        "if self._early or self._reader.has_unread:",
        "if False:",
    ),
    "the 101 marks although bytes lie unread": MethodBug(
        "services.gateway.connection.handshake",
        "Handshake",
        "_accept",
        "if self._early or self._reader.has_unread:",
        "if self._early:",
    ),
    "a reading that is stored again gets the present mark": MethodBug(
        "services.gateway.chargers.reading_store",
        "ReadingStore",
        "take",
        'c.mark or ""',
        'c.marks.in_force or ""',
    ),
    "a reading without a mark belongs to any pairing": MethodBug(
        _CONNECTION,
        "ChargerConnection",
        "_judge",
        "self._arrived_at - marks.began_before > _CERTAIN_SECONDS",
        "True",
    ),
    "only a reading without a mark is uncertain": MethodBug(
        _CONNECTION,
        "ChargerConnection",
        "_judge",
        "may_belong = self.received_at >= marks.began_after - _SLACK_SECONDS",
        "may_belong = False",
    ),
    "no charger is asked for its level": MethodBug(
        "services.gateway.chargers.uncertain_readings",
        "UncertainReadings",
        "on_timer",
        "charger.ask_again()",
        "pass",
    ),
    # Clocks, and values that break.
    "what is pending since a time in the future never is overdue": ScriptBug(
        _ROUTER,
        "FIND_OVERDUE",
        "for _, id in ipairs(pending_between('(' .. int(now), '+inf')) do",
        "for _, id in ipairs({}) do",
    ),
    "a status from the future stays": MethodBug(
        "services.router.statuses_ahead",
        "StatusesAhead",
        "replaced_by",
        "return known.status",
        "return None",
    ),
    "a pairing number that nobody drew is believed": ScriptBug(
        _GATEWAY, "READ_STATUS", "return is_count(value) and value <= 2 ^ 52", "return true"
    ),
    "a key of another type stays": ScriptBug(
        "shared.bus.repair.scripts", "REPAIR", "redis.pcall('DEL', key)", "{}"
    ),
    "a missing entry is not noticed": ScriptBug(
        _DIRECTORY, "CHECK", "if not is_intact(directory, version) then", "if false then"
    ),
    # A Postgres that goes back in time.
    "what Postgres lost stays": MethodBug(
        "services.registry.directory.projector",
        "Projector",
        "_repair",
        "repair = await lost_changes.repair(self.database, self.projection, suspects, seen)",
        "repair = None",
    ),
    "a number that was drawn twice is taken for the same pairing": ScriptBug(
        _DIRECTORY, "PROJECT_CHARGERS", "and (entry.token or '') == token", ""
    ),
}

_REST = (moves.everything_comes_to_rest, 0, 0)
_W1_CONNECTS = ((moves.a_widget_connects, 0, 0), _REST)
_ALL = (moves.a_process_does_all_it_can, 0, 0)
_C1_AT_B = ((moves.a_charger_connects, 0, 1), _ALL, _ALL)
_REPORTED = ((moves.a_charger_reports_and_is_heard, 0, 2), _REST)
_PAIRED_WITH_W2 = (moves.an_operator_pairs, 0, 1)
_PAIRED_WITH_W1 = (moves.an_operator_pairs, 0, 0)
_PROJECTED = ((moves.a_process_looks_round, 4, 0), _ALL, _ALL)
_LEARNED = ((moves.a_process_looks_round, 0, 0), _ALL, _ALL)
_SLOW = (moves.the_radio_of_a_device_is_slow_or_quick, 0, 0)
_BYTES = (moves.bytes_of_a_slow_device_arrive, 0, 0)

AIMS: Final[dict[str, Aim]] = {
    "a status overwrites a newer one": Aim(frozenset({Group.MESSAGES})),
    "a status of another pairing is written": Aim(
        frozenset({Group.OPERATOR}),
        prologue=(
            (moves.a_charger_reports_and_is_heard, 0, 2),
            (moves.all_messages_arrive, 0, 0),
            (moves.an_operator_pairs, 1, 0),
        ),
    ),
    "a superseded connection stores": Aim(frozenset({Group.CROWDS})),
    # Nobody has two requests on the way at once. So the older one must come from a connection
    # that was given up, after its gateway has stored something newer on another one.
    "a reading overwrites a newer one": Aim(
        frozenset({Group.CONNECTIONS}),
        prologue=((moves.a_charger_reports, 0, 0), (moves.a_process_loses_redis, 0, 0)),
    ),
    "pending is cleared whatever came since": Aim(
        frozenset({Group.MESSAGES}),
        prologue=(
            (moves.a_charger_reports_and_is_heard, 0, 2),
            (moves.all_messages_arrive, 0, 0),
            (moves.a_process_takes_a_step, 0, 0),
            (moves.a_process_takes_a_step, 0, 0),
            (moves.a_charger_reports_and_is_heard, 0, 0),
            (moves.doorbells_of_readings_are_lost, 0, 0),
            _ALL,
            _REST,
        ),
    ),
    "nothing overdue is found": Aim(
        frozenset({Group.MESSAGES}), prologue=((moves.a_charger_reports_and_is_heard, 0, 2),)
    ),
    # All else is made up for by the gateways.
    "nothing is marked after a loss": Aim(
        frozenset({Group.LOSSES}),
        prologue=(
            *_REPORTED,
            (moves.a_replica_falls_behind, 0, 0),
            (moves.a_charger_reports_and_is_heard, 0, 0),
            _REST,
            (moves.redis_loses_something, 4, 0),
            _REST,
            *_W1_CONNECTS,
        ),
    ),
    "a status is read before its channel is subscribed": Aim(),
    "reconciling asserts no epoch": Aim(
        frozenset({Group.LOSSES}),
        prologue=(
            *_C1_AT_B,
            (moves.redis_loses_something, 1, 0),
            _REST,
        ),
    ),
    "a widget stays connected in another pairing": Aim(frozenset({Group.OPERATOR})),
    "a late message is shown": Aim(frozenset({Group.MESSAGES})),
    "the mark is not compared when a reading is stored": Aim(
        frozenset({Group.OPERATOR, Group.STALLS}),
        prologue=(
            (moves.a_charger_reports, 0, 2),
            _PAIRED_WITH_W2,
            (moves.a_process_looks_round, 4, 0),
            # The registry; its gateway comes before it in the line, and has the reading.
            (moves.a_process_does_all_it_can, 1, 0),
            _REST,
        ),
    ),
    "the mark is not compared when a reading is overdue": Aim(
        frozenset({Group.OPERATOR}), prologue=(*_REPORTED, _PAIRED_WITH_W2, _REST)
    ),
    "a new epoch loses the mark": Aim(
        frozenset({Group.CROWDS, Group.LOSSES}),
        prologue=(
            *_REPORTED,
            *_C1_AT_B,
            (moves.redis_loses_something, 4, 0),
            _REST,
            *_W1_CONNECTS,
        ),
    ),
    "a reading has the mark of its last frame": Aim(
        frozenset({Group.BYTES}),
        prologue=(
            (moves.a_charger_begins_a_message, 0, 2),
            _PAIRED_WITH_W2,
            *_PROJECTED,
            *_LEARNED,
            _REST,
        ),
    ),
    "a reading is marked as soon as the pairing is known": Aim(
        frozenset({Group.BYTES}),
        prologue=(
            _SLOW,
            (moves.a_charger_reports, 0, 2),
            _PAIRED_WITH_W2,
            *_PROJECTED,
            *_LEARNED,
            _REST,
        ),
    ),
    "any pong marks": Aim(
        frozenset({Group.BYTES}),
        prologue=(
            _SLOW,
            _PAIRED_WITH_W2,
            *_PROJECTED,
            *_LEARNED,
            _BYTES,
            (moves.a_charger_reports, 0, 2),
            _PAIRED_WITH_W1,
            *_PROJECTED,
            *_LEARNED,
            _REST,
        ),
    ),
    "the 101 marks although the device has sent more": Aim(
        frozenset({Group.OPERATOR, Group.BYTES})
    ),
    "the 101 marks although bytes lie unread": Aim(
        frozenset({Group.OPERATOR, Group.BYTES, Group.STALLS})
    ),
    "a reading that is stored again gets the present mark": Aim(
        frozenset({Group.LOSSES}),
        prologue=(
            *_REPORTED,
            _PAIRED_WITH_W2,
            *_PROJECTED,
            *_LEARNED,
            (moves.redis_loses_something, 1, 0),
            _REST,
        ),
    ),
    "a reading without a mark belongs to any pairing": Aim(
        frozenset({Group.OPERATOR, Group.BYTES, Group.STALLS})
    ),
    "only a reading without a mark is uncertain": Aim(
        prologue=(_PAIRED_WITH_W2, (moves.a_charger_reports_and_is_heard, 0, 2))
    ),
    "no charger is asked for its level": Aim(
        prologue=(_PAIRED_WITH_W2, (moves.a_charger_reports_and_is_heard, 0, 2))
    ),
    "what is pending since a time in the future never is overdue": Aim(
        frozenset({Group.CLOCKS, Group.MESSAGES}),
        prologue=(
            (moves.a_charger_reports_and_is_heard, 0, 2),
            (moves.doorbells_of_readings_are_lost, 0, 0),
            (moves.redis_clock_steps, 1, 0),
            _REST,
        ),
    ),
    "a status from the future stays": Aim(
        frozenset({Group.VALUES}), prologue=(*_REPORTED, (moves.a_value_breaks, 3, 5), _REST)
    ),
    "a pairing number that nobody drew is believed": Aim(
        frozenset({Group.VALUES}),
        prologue=(
            (moves.a_widget_connects, 0, 1),
            (moves.a_value_breaks, 2, 5),
            (moves.a_charger_reports_and_is_heard, 0, 0),
            _REST,
        ),
    ),
    "a key of another type stays": Aim(frozenset({Group.VALUES})),
    "a missing entry is not noticed": Aim(
        frozenset({Group.VALUES}), prologue=(*_REPORTED, (moves.a_value_breaks, 1, 1), _REST)
    ),
    "what Postgres lost stays": Aim(
        frozenset({Group.RESTORES, Group.OPERATOR}),
        prologue=(
            (moves.postgres_is_backed_up, 0, 0),
            _PAIRED_WITH_W2,
            _REST,
            (moves.postgres_goes_back, 0, 0),
        ),
    ),
    "a number that was drawn twice is taken for the same pairing": Aim(
        frozenset({Group.RESTORES, Group.OPERATOR}),
        prologue=(
            (moves.postgres_is_backed_up, 0, 0),
            _PAIRED_WITH_W2,
            _REST,
            *_REPORTED,
            (moves.postgres_goes_back, 0, 0),
            _PAIRED_WITH_W2,
        ),
    ),
}
"""What the machine tries where it looks for a bug: all that it can do would take it too long."""

HARMLESS: Final[dict[str, Bug]] = {
    # A reading that has the same revision in two pairings was made before the second one, so it
    # lights nothing in it: there is nothing that could be cleared too early.
    "pending is cleared whatever the pairing": ScriptBug(
        _ROUTER, "CLEAR_PENDING", "if has_pairing(id, ARGV[i + 3]) and", "if"
    ),
    # Between the two entries a status finds another number at the widget, and its reading stays
    # pending: the order saves that detour, which costs the light half a second.
    "the charger's entry comes before the widget's": MethodBug(
        "services.registry.directory.projector",
        "Projector",
        "_project_after",
        """await directory.widgets(number, write_widgets)
    await directory.unregistered_chargers(number, write_chargers)
    await directory.chargers(number, write_chargers)""",
        """await directory.unregistered_chargers(number, write_chargers)
    await directory.chargers(number, write_chargers)
    await directory.widgets(number, write_widgets)""",
    ),
    # Each number is drawn once; after a restore, it is greater than all that Redis has.
    "a status of another charger is written": ScriptBug(
        _ROUTER, "LIGHT", " or paired_with ~= charger then", " then"
    ),
    # Whoever reads a stored status compares its pairing number with the widget's, and so does
    # whoever writes the next one.
    "a new pairing keeps the old one's status": ScriptBug(
        _DIRECTORY, "PROJECT_WIDGETS", "redis.call('HDEL', statuses, id)\n", "\n"
    ),
}
"""Bugs that another mechanism makes up for; nobody should rely on that."""
