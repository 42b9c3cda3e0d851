"""Options that hold for every command, and may be given before or after it."""

import copy
from collections.abc import Iterator
from typing import Any, Final

from typer.core import TyperGroup, TyperOption

PANEL: Final = "Global options"
"""What the program has under this heading, all its commands have too."""


class RootGroup(TyperGroup):
    """The program itself: a group that shares its global options with all commands.

    What is given after a command counts as if it were given before it.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        shared = [each for each in _options(self) if each.rich_help_panel == PANEL]
        for command in _below(self):
            # The help of a group is about its commands: theirs shows these options.
            is_group = hasattr(command, "commands")
            command.params += [_after_command(each, hidden=is_group) for each in shared]

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the program's own options, and show no flag with a type, here and below."""
        for command in [self, *_below(self)]:
            for option in [*_options(command), command.get_help_option(ctx)]:
                if option.is_flag:
                    option.metavar = ""
        return super().get_params(ctx)


def _below(group: Any) -> Iterator[Any]:
    for command in getattr(group, "commands", {}).values():
        yield command
        yield from _below(command)


def _options(command: Any) -> list[TyperOption]:
    return [each for each in command.params if isinstance(each, TyperOption)]


def _after_command(option: TyperOption, *, hidden: bool) -> TyperOption:
    """Return the same option for a command, where its value becomes the program's."""

    def hand_up(context: Any, parameter: Any, value: object) -> None:
        if value is not None:
            if option.callback:
                option.callback(context, parameter, value)
            context.find_root().params[option.name] = value

    shared = copy.copy(option)
    shared.callback = hand_up
    shared.hidden = hidden
    shared.expose_value = False
    shared.default = None
    return shared
