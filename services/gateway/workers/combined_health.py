"""The health of a gateway as a whole, from the states of its workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

STARTING: Final = "starting"
NOT_RUNNING: Final = "not running"
SILENT: Final = "does not answer"


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one worker.

    Attributes:
        not_ready: Why devices would not get their lights from it, or None.
        not_accepting: Why it takes no new devices, or None.
        hangs: It took devices, and stopped answering. The kernel goes on giving it its
            share of new devices.
    """

    not_ready: str | None
    not_accepting: str | None
    hangs: bool = False

    @classmethod
    def unable(cls, reason: str, *, hangs: bool = False) -> "State":
        """Return the state of a worker that does nothing, and why."""
        return cls(reason, reason, hangs)


def not_ready_because(states: Sequence[State]) -> str | None:
    """Return why not every worker is ready, naming which, or None."""
    return _join([state.not_ready for state in states])


def not_accepting_because(states: Sequence[State]) -> str | None:
    """Return why no new device should be sent to the gateway, or None.

    One worker that accepts is enough, because the kernel gives devices only to those
    that listen. One that hangs is too many: it listens, and devices wait for it in vain.
    """
    if any(state.hangs for state in states):
        return _join([state.not_accepting if state.hangs else None for state in states])
    if any(state.not_accepting is None for state in states):
        return None
    return _join([state.not_accepting for state in states])


def _join(reasons: Sequence[str | None]) -> str | None:
    numbers: dict[str, list[str]] = {}
    for number, reason in enumerate(reasons, 1):
        if reason is not None:
            numbers.setdefault(reason, []).append(str(number))
    return (
        "; ".join(
            f"{reason} (worker{'s' * (len(found) > 1)} {', '.join(found)} of {len(reasons)})"
            for reason, found in numbers.items()
        )
        or None
    )
