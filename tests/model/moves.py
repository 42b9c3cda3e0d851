"""The moves: everything that may happen, each as often as its weight says."""

from collections.abc import Callable, Collection, Sequence
from enum import Enum, auto
from typing import Final, TypeVar

from shared.contract.devices import Kind
from tests.model import breaking
from tests.model.devices import STATUS_OF
from tests.model.world import Loss, World

_One = TypeVar("_One")
_MOST_LINES: Final = 3
"""Most connections of one device at a time."""
_LEVELS: Final = sorted(STATUS_OF)


class Group(Enum):
    """Moves that are left out of some examples, so that others get further."""

    ALWAYS = auto()
    CROWDS = auto()
    MESSAGES = auto()
    CONNECTIONS = auto()
    OPERATOR = auto()
    REGISTRATIONS = auto()
    LOSSES = auto()
    KILLING = auto()
    BYTES = auto()
    STALLS = auto()
    CLOCKS = auto()
    RESTORES = auto()
    VALUES = auto()


class Move:
    """Something that may happen; nothing happens where it cannot."""

    def __init__(self, move: Callable[[World, int, int], None], weight: int, group: Group) -> None:
        self._move = move
        self.weight = weight
        self.group = group

    def __call__(self, world: World, a: int, b: int) -> None:
        self._move(world, a, b)

    def __repr__(self) -> str:
        return self._move.__name__


_ALL: list[Move] = []


def _move(
    weight: int, group: Group = Group.ALWAYS
) -> Callable[[Callable[[World, int, int], None]], Move]:
    def made(function: Callable[[World, int, int], None]) -> Move:
        move = Move(function, weight, group)
        _ALL.append(move)
        return move

    return made


def _of(those: Sequence[_One], number: int) -> _One:
    return those[number % len(those)]


def _one(those: Sequence[_One], number: int) -> _One | None:
    return those[number % len(those)] if those else None


# Devices.


@_move(6)
def a_charger_reports_and_is_heard(world: World, a: int, b: int) -> None:
    if line := _one(world.charger_lines, a):
        world.report(line, _LEVELS[b % 3])
        for gateway in world.gateways:
            gateway.run()


@_move(6)
def a_charger_reports(world: World, a: int, b: int) -> None:
    if line := _one(world.charger_lines, a):
        world.report(line, _LEVELS[b % 3])


@_move(4, Group.CROWDS)
def a_charger_connects(world: World, a: int, b: int) -> None:
    charger = _of(world.chargers, a)
    if sum(line.charger == charger for line in world.charger_lines) < _MOST_LINES:
        world.connect_charger(charger, world.gateways[b % 2])


@_move(3)
def a_widget_connects(world: World, a: int, b: int) -> None:
    widget = _of(world.widgets, a)
    if sum(line.widget == widget for line in world.widget_lines) < _MOST_LINES:
        world.connect_widget(widget, world.gateways[b % 2])


@_move(2)
def a_device_vanishes(world: World, a: int, _b: int) -> None:
    if line := _one(world.lines, a):
        world.vanish(line)


@_move(4)
def chargers_say_again_what_they_are_asked(world: World, a: int, _b: int) -> None:
    world.say_again(world.gateways[a % 2])


# Bytes on their way.


@_move(3, Group.BYTES)
def the_radio_of_a_device_is_slow_or_quick(world: World, a: int, _b: int) -> None:
    if line := _one([line for line in world.lines if line.is_open], a):
        line.is_slow = not line.is_slow
        world.after()


@_move(6, Group.BYTES)
def bytes_of_a_slow_device_arrive(world: World, a: int, _b: int) -> None:
    if line := _one([line for line in world.lines if line.is_slow and line.has_news], a):
        world.let_arrive(line)


@_move(4, Group.BYTES)
def a_charger_begins_a_message(world: World, a: int, b: int) -> None:
    if line := _one(world.charger_lines, a):
        world.begin_report(line, _LEVELS[b % 3])


@_move(3, Group.BYTES)
def a_charger_ends_its_message(world: World, a: int, _b: int) -> None:
    if line := _one(world.charger_lines, a):
        line.finish()
        world.after()


@_move(3, Group.BYTES)
def a_charger_connects_in_haste(world: World, a: int, b: int) -> None:
    charger = _of(world.chargers, a)
    if sum(line.charger == charger for line in world.charger_lines) < _MOST_LINES:
        world.connect_charger(charger, world.gateways[b % 2], _LEVELS[b % 3])


@_move(3, Group.STALLS)
def a_gateway_stands_still_or_goes_on(world: World, a: int, b: int) -> None:
    world.stop_or_go_on(a % 2, timers_first=b % 2 == 0)


# Time.


@_move(3)
def time_passes(world: World, a: int, _b: int) -> None:
    world.let_pass(_of((0.3, 1.0, 2.5, 11.0), a))


@_move(4, Group.CLOCKS)
def redis_clock_steps(world: World, a: int, _b: int) -> None:
    world.step_clock(world.clocks.step_redis, _of((60, -60, 3600, -3600, 5, -5), a))


@_move(2, Group.CLOCKS)
def postgres_clock_steps(world: World, a: int, _b: int) -> None:
    world.step_clock(world.clocks.step_postgres, _of((60, -60, 3600, -3600), a))


# Processes.


@_move(14)
def a_process_takes_a_step(world: World, a: int, _b: int) -> None:
    if process := _one([p for p in world.processes if p.is_busy], a):
        process.step()


@_move(8)
def a_process_does_all_it_can(world: World, a: int, _b: int) -> None:
    if process := _one([p for p in world.processes if p.is_busy], a):
        process.run()


@_move(6)
def a_process_looks_round(world: World, a: int, _b: int) -> None:
    world.processes[a % 6].look_round()


@_move(1, Group.KILLING)
def a_process_is_killed(world: World, a: int, _b: int) -> None:
    world.kill(a % 4)


# Messages on their way.


@_move(7)
def all_messages_arrive(world: World, a: int, _b: int) -> None:
    if link := _one([n for n in world.links if n.has_news], a):
        while link.has_news:
            link.step()


@_move(7)
def a_message_arrives(world: World, a: int, _b: int) -> None:
    if link := _one([n for n in world.links if n.has_news], a):
        link.step()


@_move(2, Group.MESSAGES)
def a_message_arrives_twice(world: World, a: int, _b: int) -> None:
    if link := _one([n for n in world.links if n.has_news], a):
        link.step(twice=True)


@_move(2, Group.MESSAGES)
def a_message_is_overtaken(world: World, a: int, _b: int) -> None:
    if link := _one([n for n in world.links if n.has_news], a):
        link.step(late=True)


@_move(4, Group.MESSAGES)
def a_late_message_arrives(world: World, a: int, b: int) -> None:
    if link := _one([n for n in world.links if n.has_late], a):
        link.step_late(b)


@_move(3, Group.MESSAGES)
def doorbells_of_readings_are_lost(world: World, _a: int, _b: int) -> None:
    for router in world.routers:
        router.link.lose_messages()


# Connections to Redis.


@_move(3, Group.CONNECTIONS)
def a_link_breaks_or_that_is_noticed(world: World, a: int, _b: int) -> None:
    if link := _one(world.links, a):
        if link.is_broken:
            link.reconnect()
        else:
            link.break_off()


@_move(4, Group.CONNECTIONS)
def a_process_loses_redis(world: World, a: int, _b: int) -> None:
    if process := _one([p for p in world.processes if p.is_busy], a):
        world.cut(process)


@_move(5, Group.CONNECTIONS)
def what_was_sent_long_ago_arrives(world: World, a: int, _b: int) -> None:
    if world.has_ghosts:
        world.run_ghost(a)


# The operator.


@_move(4, Group.OPERATOR)
def an_operator_pairs(world: World, a: int, b: int) -> None:
    if world.postgres.is_locked:
        return
    charger, widget = _of(world.chargers, a), _of(world.widgets, b)
    for kind, device in ((Kind.CHARGER, charger), (Kind.WIDGET, widget)):
        if device not in world.postgres.rows[kind]:
            world.register(kind, device)
    world.pair(charger, widget)


@_move(2, Group.REGISTRATIONS)
def an_operator_registers_or_unregisters(world: World, a: int, b: int) -> None:
    if world.postgres.is_locked:
        return
    kind, device = (
        (Kind.CHARGER, _of(world.chargers, a)) if b % 2 else (Kind.WIDGET, _of(world.widgets, a))
    )
    if device in world.postgres.rows[kind]:
        world.unregister(kind, device)
    else:
        world.register(kind, device)


# Redis.


@_move(2, Group.LOSSES)
def a_replica_falls_behind(world: World, _a: int, _b: int) -> None:
    world.kept = world.server.snapshot()


@_move(3, Group.LOSSES)
def redis_loses_something(world: World, a: int, _b: int) -> None:
    world.lose(_one(list(Loss), a) or Loss.EMPTIED)


# Postgres goes back in time.


@_move(2, Group.RESTORES)
def postgres_is_backed_up(world: World, _a: int, _b: int) -> None:
    world.back_up()


@_move(3, Group.RESTORES)
def postgres_goes_back(world: World, a: int, _b: int) -> None:
    if world.postgres.is_locked:
        return
    world.go_back(with_numbers=a % 2 == 0)


# Values that break.


@_move(4, Group.VALUES)
def a_value_breaks(world: World, a: int, b: int) -> None:
    breaking.break_one(world, a, b)


@_move(2)
def everything_comes_to_rest(world: World, _a: int, _b: int) -> None:
    world.rest()
    world.promise.check_at_rest()


def moves_of(groups: Collection[Group]) -> list[Move]:
    """Return the moves of some groups, each as often as its weight says."""
    return [move for move in _ALL if move.group in groups for _ in range(move.weight)]
