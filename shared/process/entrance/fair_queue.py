"""A queue in which no address can be before all others. Without I/O, in bounded memory."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False, repr=False)
class FairQueue(Generic[T]):
    """What waits, by address: one of each address after the other, those of one in order.

    As "round robin" in Nagle, "On Packet Switches with Infinite Storage" (RFC 970).
    """

    most: int
    """When so many wait, one more of an address that has its share already is not taken."""
    _waiting: OrderedDict[str, deque[T]] = field(default_factory=OrderedDict)
    _size: int = 0

    def __len__(self) -> int:
        return self._size

    def add(self, address: str, item: T) -> bool:
        """Add an item; tell whether there was room for it."""
        waiting = self._waiting
        own = waiting.get(address)
        if self._size >= self.most and (len(own or ()) + 1) * len(waiting) > self.most:
            return False
        if own is None:
            waiting[address] = own = deque()
        own.append(item)
        self._size += 1
        return True

    def pop(self) -> T:
        """Take the next item.

        Raises:
            KeyError: Nothing waits.
        """
        address, own = self._waiting.popitem(last=False)
        item = own.popleft()
        if own:
            self._waiting[address] = own
        self._size -= 1
        return item
