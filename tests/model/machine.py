"""What may happen next in the world, in any order that Hypothesis can think of.

Two grains: a move lets a process take one step (Redis does one thing of what it sent, or one answer
arrives), or all of its steps at once. The first makes interleavings, the second gets somewhere.
"""

from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from shared.contract.devices import Kind
from tests.model.moves import Group, Move, moves_of
from tests.model.server import Server, Snapshot
from tests.model.world import World


@dataclass(frozen=True)
class Aim:
    """What to try, where it is known what kind of mistake is to be found."""

    groups: frozenset[Group] = frozenset()
    prologue: tuple[tuple[Move, int, int], ...] = ()
    """Moves that lead near to it."""


class HubMachine(RuleBasedStateMachine):
    """The hub, in any order.

    One rule for all moves: with a rule for each, Hypothesis would leave out a random half of them
    in each example, and nearly always one without which no light is ever lit.
    """

    server: ClassVar[Server]
    aim: ClassVar[Aim | None] = None
    examples: ClassVar[int] = 0
    moves: ClassVar[int] = 0
    lights: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.server.restore(Snapshot({}))
        self.server.clocks.reset()
        self.world: World
        self.possible: list[Move]

    @initialize(
        partitions=st.integers(1, 2),
        chargers=st.integers(1, 2),
        widgets=st.integers(1, 2),
        groups=st.fixed_dictionaries({group: st.booleans() for group in Group}),
    )
    def open_the_booth(
        self,
        partitions: int,
        chargers: int,
        widgets: int,
        groups: dict[Group, bool],
    ) -> None:
        """Begin with what is usual: all registered, one pair paired, and connected."""
        chosen = {group for group, is_chosen in groups.items() if is_chosen}
        if self.aim is not None:
            chosen = set(self.aim.groups)
            chargers = widgets = 2
        self.possible = moves_of(chosen | {Group.ALWAYS})
        world = World(self.server, partitions, chargers, widgets)
        self.world = world
        for charger in world.chargers:
            world.postgres.register(Kind.CHARGER, charger)
        for widget in world.widgets:
            world.postgres.register(Kind.WIDGET, widget)
        world.pair("c1", "w1")
        world.connect_charger("c1", world.gateways[0])
        world.connect_widget("w1", world.gateways[1])
        world.rest()
        for move, a, b in self.aim.prologue if self.aim is not None else ():
            self._make(move, a, b)

    @rule(data=st.data(), a=st.integers(0, 11), b=st.integers(0, 11))
    def then(self, data: st.DataObject, a: int, b: int) -> None:
        """Make a move; a and b say which device, process or message of those that there are."""
        move = data.draw(st.sampled_from(self.possible))
        self._make(move, a, b)

    def _make(self, move: Move, a: int, b: int) -> None:
        type(self).moves += 1
        move(self.world, a, b)
        self.world.after()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            if not self.world.promise.is_broken:
                self._end()
        finally:
            type(self).lights += sum(len(line.shown) for line in self.world.promise.widget_lines)
            self.world.close()

    def _end(self) -> None:
        """Come to rest. What is stored is right too: whoever connects then is shown it."""
        world = self.world
        world.rest()
        world.promise.check_at_rest()
        for widget in list(world.postgres.rows[Kind.WIDGET]):
            world.connect_widget(widget, world.gateways[0])
        world.rest()
        world.promise.check_at_rest()
