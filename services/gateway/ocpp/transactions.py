"""A charger's transactions: which connector each belongs to.

OCPP 2 names it in the first message only, and 1.6 not in the last; so the newest transactions are
stored, and known to the next gateway. In 1.6 the hub gives them their ids.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from services.gateway.ocpp.messages import StartTransaction
from shared.contract.tolerant_json import tolerant_decoder

MOST_TRANSACTIONS: Final = 32
_MOST_CHARACTERS: Final = 64
_DIGEST_BYTES: Final = 8


class Transaction(msgspec.Struct, array_like=True):
    """A transaction that began, and perhaps ended."""

    id: str
    connector: int
    is_open: bool = True
    request: str = ""
    """1.6: a digest of the request that it began with; a card's number is personal data."""
    has_level: bool = False
    """Whether a state of charge has come in it: then nothing else counts as one."""


_decode: Final = tolerant_decoder(list[Transaction])


class Transactions:
    """The newest transactions of a charger.

    Attributes:
        has_changed: Whether they must be stored again.
    """

    __slots__ = ("_by_id", "has_changed")

    def __init__(self) -> None:
        self._by_id: dict[str, Transaction] = {}
        self.has_changed = False

    def load(self, stored: bytes | None) -> None:
        """Take those that are stored; what is known here is newer."""
        known, self._by_id = self._by_id, {}
        for transaction in (*(_decode(stored) or ()), *known.values()):
            self._keep(transaction)
        self.has_changed = bool(known)

    def encode(self) -> bytes:
        """Return them as they are stored, the oldest first."""
        return msgspec.json.encode(list(self._by_id.values()))

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self._by_id.values())

    def open_on(self, connector: int | None) -> str:
        """Return the id of a connector's open transaction; empty: none is open."""
        return next((t.id for t in self if t.is_open and t.connector == connector), "")

    def has_level(self, connector: int | None) -> bool:
        """Whether a state of charge has come in a connector's open transaction."""
        return any(t.has_level and t.is_open and t.connector == connector for t in self)

    def note_level(self, connector: int) -> None:
        """Note that a state of charge has come, if a transaction of the connector is open."""
        for each in self:
            if each.is_open and each.connector == connector and not each.has_level:
                each.has_level = self.has_changed = True

    def begin(self, start: StartTransaction, utc: float) -> int:
        """Return the id of a transaction of 1.6: a request that is repeated has the same."""
        connector = start.connector_id or 0
        said = (connector, start.timestamp, start.meter_start, start.id_tag)
        request = hashlib.blake2b(msgspec.json.encode(said), digest_size=_DIGEST_BYTES).hexdigest()
        numbers = {each.request: int(each.id) for each in self if each.id.isdecimal()}
        if request in numbers:
            return numbers[request]
        last = max(numbers.values(), default=0)
        number = max(last + 1, int(utc))
        self._begin(Transaction(str(number), connector, request=request))
        return number

    def follow(
        self, transaction_id: str, connector: int | None, *, is_end: bool = False
    ) -> int | None:
        """Take note of a transaction of 2.x; return its connector, if it is known."""
        transaction_id = transaction_id[:_MOST_CHARACTERS]
        known = self._by_id.get(transaction_id)
        if known is None:
            if connector is not None:
                self._begin(Transaction(transaction_id, connector, is_open=not is_end))
            return connector
        if connector is not None and known.connector != connector:
            known.connector, self.has_changed = connector, True
        if is_end:
            self.end(transaction_id)
        return known.connector

    def end(self, transaction_id: str) -> int | None:
        """End a transaction; return its connector, if it is known. It may be ended again."""
        known = self._by_id.get(transaction_id[:_MOST_CHARACTERS])
        if known is None:
            return None
        if known.is_open:
            known.is_open, self.has_changed = False, True
        return known.connector

    def _begin(self, transaction: Transaction) -> None:
        # A connector has one at a time; the end of the one before may have been lost.
        for known in self if transaction.is_open else ():
            if known.connector == transaction.connector:
                known.is_open = False
        self._keep(transaction)
        self.has_changed = True

    def _keep(self, transaction: Transaction) -> None:
        self._by_id.pop(transaction.id, None)
        self._by_id[transaction.id] = transaction
        while len(self._by_id) > MOST_TRANSACTIONS:
            del self._by_id[next(iter(self._by_id))]
