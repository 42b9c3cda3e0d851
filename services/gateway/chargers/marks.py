"""Which pairing a charger's readings belong to: by order, not by clocks.

What a device sends after it received a ping was sent after that ping. So when a connection
learns of a pairing, it pings with a new count; from the pong with this count on, readings get
the pairing's *mark*, and only readings with the mark of the present pairing light its widget
(``may_light`` in ``model.lua``).
"""

from dataclasses import dataclass

from services.gateway.known_pairing import KnownPairing


@dataclass(slots=True, eq=False, repr=False)
class Marks:
    """What a connection knows of its charger's pairing, and the mark that readings get."""

    in_force: str | None = None
    """The mark that readings get now; empty while not paired, None before there is one."""
    learned: str | None = None
    """The mark of the newest pairing that is known; None if none is."""
    number: int = -1
    """That pairing's number."""
    began_after: float = 0.0
    """It began no earlier than at this moment, by the context's clock."""
    began_before: float = 0.0
    """And no later than at this one: the answer of Redis may have been long on its way."""
    is_awaited: bool = False
    """Whether the pong to the newest ping with a count has not come."""
    _count: int = 0

    def begin(self, pairing: KnownPairing) -> None:
        """Put a mark in force from the first frame on."""
        self.number = pairing.number
        self.learned = self.in_force = pairing.mark

    def learn(self, pairing: KnownPairing, asked_at: float, now: float) -> bool:
        """Take what Redis told; return whether it is another pairing than the one known.

        Redis was asked at ``asked_at``. A lower number changes nothing: it is behind.
        """
        if pairing.number < self.number:
            return False
        if pairing.number == self.number and pairing.mark == self.learned:
            return False
        self.number, self.learned = pairing.number, pairing.mark
        self.began_after, self.began_before = asked_at - pairing.age, now - pairing.age
        if not pairing.mark:
            self.in_force = ""  # lights nothing, so no order is needed
        return True

    def next_ping(self) -> bytes:
        """Return the payload of a ping whose pong tells what was sent after this moment."""
        self._count += 1
        self.is_awaited = True
        return self._payload

    def payload(self) -> bytes:
        """Return what other pings carry: a device may answer only the newest ping."""
        return self._payload if self.is_awaited else b""

    def on_pong(self, payload: bytes) -> bool:
        """Put the mark in force if this is the awaited pong; return whether it is."""
        if not self.is_awaited or payload != self._payload:
            return False
        self.put_in_force()
        return True

    def put_in_force(self) -> None:
        """Put the mark in force: what comes now was sent after the pairing was learned."""
        self.is_awaited = False
        self.in_force = self.learned

    @property
    def _payload(self) -> bytes:
        return b"mark %d" % self._count
