"""Hash slots of a Redis Cluster, and which server owns each.

https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Self

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as Redis writes it."""
        return f"{self.host}:{self.port}"


def slot_of(name: str) -> int:
    """Return the hash slot of a key or channel: of its tag (``{p17}``), if it has one."""
    return key_slot(name.encode())


class Redirection(NamedTuple):
    """A server's error that says which server has a slot."""

    slot: int
    to: Address
    is_for_good: bool
    """False while the slot is being moved: only this command is sent there (ASK)."""

    @classmethod
    def read(cls, error: str, said_by: Address) -> Self | None:
        """Read ``MOVED 3999 127.0.0.1:6381`` (or ``ASK …``); None if it is another error."""
        kind, _, rest = error.partition(" ")
        if kind not in ("MOVED", "ASK"):
            return None
        slot, _, address = rest.partition(" ")
        host, _, port = address.rpartition(":")
        # No host: nodes that do not know their own address mean the one that we asked.
        return cls(int(slot), Address(host or said_by.host, int(port)), kind == "MOVED")


class Topology:
    """Which server owns which slot, as one of them said it.

    Attributes:
        owners: A master's address per slot, None where no server has it.
        masters: Those that own a slot.
        servers: All that were named, replicas too.
    """

    def __init__(self, owners: Sequence[Address | None], servers: Iterable[Address]) -> None:
        self.owners = tuple(owners)
        self.masters = frozenset(owner for owner in owners if owner is not None)
        self.servers = frozenset(servers) | self.masters

    @classmethod
    def read(cls, slots: Sequence[Any], said_by: Address) -> Self:
        """Read an answer to CLUSTER SLOTS: first and last slot, the master, its replicas."""
        owners: list[Address | None] = [None] * SLOTS
        servers: list[Address] = []
        for first, last, *members in slots:
            addresses = [
                # An empty host (or none): as in a redirection.
                Address(host.decode() if host else said_by.host, port)
                for host, port, *_ in members
            ]
            owners[first : last + 1] = itertools.repeat(addresses[0], last - first + 1)
            servers += addresses
        return cls(owners, servers)

    def with_owner(self, slot: int, owner: Address) -> "Topology":
        """Return a copy with another owner of one slot."""
        owners = list(self.owners)
        owners[slot] = owner
        return Topology(owners, self.servers)

    def lost_by(self, later: "Topology") -> set[Address]:
        """Return the masters that lost one or more slots by the time of a later topology."""
        return {
            before
            for before, after in zip(self.owners, later.owners, strict=True)
            if before is not None and before != after
        }

    def tag_on(self, master: Address) -> str:
        """Return a hash tag (without braces) whose slot a master owns."""
        return next(
            tag for tag in map(str, itertools.count()) if self.owners[slot_of(tag)] == master
        )
