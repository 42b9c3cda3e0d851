"""A reading on its way through the router."""

from typing import Any, NamedTuple

from shared.contract.doorbells import Revision


class Reading(NamedTuple):
    """A stored reading and where it goes."""

    partition: int
    """Of the charger."""
    charger_id: str
    state_of_charge: float
    """In percent, 0 to 100."""
    revision: Revision
    pairing: int
    widget_id: str
    """Empty if the reading lights nothing."""
    received_at: int = 0
    """When a gateway accepted it, in µs of Redis' time; 0: that is not known."""
    traceparent: Any = ""
    """The context of its trace, if it is traced."""
    is_overdue: bool = False
    """Whether it was read from Redis just now, not heard on a doorbell."""

    @property
    def order(self) -> tuple[int, Revision]:
        """Orders the readings of a charger: a newer one compares greater."""
        return (self.pairing, self.revision)
