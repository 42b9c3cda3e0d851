"""The seeded bugs, each by what it takes away."""

from typing import Final

from tests.model import moves
from tests.model.machine import Aim
from tests.model.moves import Group
from tests.model.seeded import Bug, MethodBug, ScriptBug

_GATEWAY = "services.gateway.scripts"
_ROUTER = "services.router.scripts"
_DIRECTORY = "services.registry.directory.scripts"

FOUND: Final[dict[str, Bug]] = {
    "a status overwrites a newer one": ScriptBug(
        _ROUTER,
        "LIGHT",
        "if newer(epoch, sequence, at[1], at[2]) then return 'lit', before end",
        "do return 'lit', before end",
    ),
    "a status of another pairing is written": ScriptBug(
        _ROUTER,
        "LIGHT",
        "or entry.pairing ~= pairing or entry.charger ~= charger then",
        "then",
    ),
    "a superseded connection stores": ScriptBug(
        _GATEWAY, "STORE", "if state.epoch > epoch then return 'superseded' end", ""
    ),
    "a reading overwrites a newer one": ScriptBug(
        _GATEWAY,
        "STORE",
        "if stored and newer(stored[1], stored[2], epoch, sequence) then return 'stored' end\n",
        "stored = nil\n",
    ),
    "pending is cleared whatever came since": ScriptBug(
        _ROUTER,
        "CLEAR_PENDING",
        """if pairing == tonumber(ARGV[i + 3]) and revision[1] == tonumber(ARGV[i + 1])
        and revision[2] == tonumber(ARGV[i + 2]) then""",
        "if true then",
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
    "a pairing has no floor": ScriptBug(
        _DIRECTORY, "PROJECT_CHARGERS", "if reading then return reading.revision end\n", ""
    ),
    "reconciling asserts no epoch": ScriptBug(
        _GATEWAY, "RECONCILE", "if state.epoch < epoch then", "if false then"
    ),
    "a reading stored again counts as a new one": ScriptBug(
        _GATEWAY, "STORE", "or (again and not floor)", ""
    ),
    "when a reading came counts for nothing": ScriptBug(
        _GATEWAY, "STORE", "received_at < entry.paired_at or", ""
    ),
    "a widget stays connected in another pairing": MethodBug(
        "services.gateway.widgets.widgets",
        "Widgets",
        "_update",
        'widget.close(CloseCode.GOING_AWAY, "the pairing changed")\n        return',
        "widget.pairing = pairing",
    ),
    "a late message is shown": MethodBug(
        "services.gateway.widgets.widget_connection",
        "WidgetConnection",
        "show",
        " or not self._is_newer(status)",
        "",
    ),
}

_C1_AT_B = ((moves.a_charger_connects, 0, 1), (moves.a_process_does_all_it_can, 0, 0))
_REPORTED = ((moves.a_charger_reports_and_is_heard, 0, 2), (moves.everything_comes_to_rest, 0, 0))

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
        ),
    ),
    "nothing overdue is found": Aim(
        frozenset({Group.MESSAGES}), prologue=((moves.a_charger_reports_and_is_heard, 0, 2),)
    ),
    "nothing is marked after a loss": Aim(
        frozenset({Group.LOSSES}), prologue=((moves.a_replica_falls_behind, 0, 0), *_REPORTED)
    ),
    "a status is read before its channel is subscribed": Aim(),
    "a pairing has no floor": Aim(frozenset({Group.OPERATOR}), exact=False, prologue=_REPORTED),
    "reconciling asserts no epoch": Aim(
        frozenset({Group.LOSSES}),
        prologue=(
            *_C1_AT_B,
            (moves.redis_loses_something, 1, 0),
            (moves.everything_comes_to_rest, 0, 0),
        ),
    ),
    "a reading stored again counts as a new one": Aim(
        frozenset({Group.LOSSES}),
        exact=False,
        prologue=(
            *_REPORTED,
            (moves.an_operator_pairs, 0, 1),
            (moves.redis_loses_something, 1, 0),
        ),
    ),
    "when a reading came counts for nothing": Aim(
        frozenset({Group.OPERATOR}),
        prologue=((moves.a_charger_reports, 0, 2), (moves.an_operator_pairs, 0, 1)),
    ),
    "a widget stays connected in another pairing": Aim(frozenset({Group.OPERATOR})),
    "a late message is shown": Aim(frozenset({Group.MESSAGES})),
}
"""What the machine tries where it looks for a bug: all that it can do would take it too long."""

HARMLESS: Final[dict[str, Bug]] = {
    # A reading that has the same revision in two pairings was made before the second one, so it
    # lights nothing in it: there is nothing that could be cleared too early.
    "pending is cleared whatever the pairing": ScriptBug(
        _ROUTER, "CLEAR_PENDING", "if pairing == tonumber(ARGV[i + 3]) and", "if"
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
    # Whoever reads a stored status compares its pairing number with the widget's, and so does
    # whoever writes the next one.
    "a new pairing keeps the old one's status": ScriptBug(
        _DIRECTORY, "PROJECT_WIDGETS", "redis.call('HDEL', statuses, id)\n", "\n"
    ),
}
"""Bugs that another mechanism makes up for; nobody should rely on that."""
