"""How many devices may be connected from one address. Without I/O."""

from dataclasses import dataclass, field


@dataclass(eq=False, repr=False)
class ConnectionsPerAddress:
    """How many devices are connected from each address that is known to be a device's own."""

    most: int
    """0: as many as there are."""
    _counts: dict[str, int] = field(default_factory=dict)

    def has_room(self, address: str) -> bool:
        """Tell whether one more may come from there; an empty address is not known."""
        return not (address and self.most) or self._counts.get(address, 0) < self.most

    def add(self, address: str) -> None:
        """Count a connection that opens."""
        if address:
            self._counts[address] = self._counts.get(address, 0) + 1

    def discard(self, address: str) -> None:
        """Count one less."""
        if (left := self._counts.pop(address, 1) - 1) > 0:
            self._counts[address] = left
