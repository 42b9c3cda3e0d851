"""What a gateway claims that Redis has of its chargers, in a form that is compared at a glance.

Every two seconds each gateway has all its chargers compared with what is stored. Nearly
always all is there, so the claim is the very text that a stored state begins with
(`write_live` in ``shared/bus/prelude.lua``): Redis compares it without reading any JSON.
And nearly always a charger has said nothing since the last time, so its claim is kept as
it is sent: the connections themselves, which are scattered over all memory, are not looked at.
"""

from collections.abc import Iterable
from typing import NamedTuple

from services.gateway.chargers.charger_connection import ChargerConnection
from shared.bus.batches import ITEMS_PER_CALL, by_slot, parts
from shared.bus.resp_encoding import Packed, pack_words


def claim_of(epoch: int, sequence: int) -> str:
    """Return what the stored state begins with, if the connection's last reading is there.

    Args:
        epoch: Of the connection, in µs; 0 claims nothing.
        sequence: Of its last reading; 0 if there was none.
    """
    if sequence:
        return f'{{"epoch":{epoch},"revision":[{epoch},{sequence}],'
    return f'{{"epoch":{epoch}'


class PartitionBatch(NamedTuple):
    """Chargers of one partition, as many as one call may have."""

    partition: int
    chargers: list[ChargerConnection]
    claims: Packed
    """Their ids and claims, in this order."""


class StoredFingerprints:
    """What is claimed of the chargers that have an epoch, by partition.

    Args:
        partitions: How many there are.
    """

    __slots__ = ("_by_partition", "_changed", "_held")

    def __init__(self, partitions: int) -> None:
        self._by_partition: list[dict[ChargerConnection, bytes]] = [{} for _ in range(partitions)]
        self._held: list[tuple[PartitionBatch, ...] | None] = [None] * partitions
        # Looked at when they are to be compared: not once for every reading.
        self._changed: list[set[ChargerConnection]] = [set() for _ in range(partitions)]

    def changed(self, charger: ChargerConnection) -> None:
        """Note that something else may be to be claimed of a charger now."""
        self._changed[charger.partition].add(charger)

    def forget(self, charger: ChargerConnection) -> None:
        """Claim nothing any more of a connection that ends."""
        self._changed[charger.partition].discard(charger)
        if self._by_partition[charger.partition].pop(charger, None) is not None:
            self._held[charger.partition] = None

    def of_partition(self, partition: int) -> tuple[PartitionBatch, ...]:
        """Return all that is claimed of a partition's chargers."""
        for charger in self._changed[partition]:
            self._follow(charger)
        self._changed[partition].clear()
        held = self._held[partition]
        if held is None:
            claims = list(self._by_partition[partition].items())
            held = tuple(_held(partition, part) for part in parts(claims, ITEMS_PER_CALL))
            self._held[partition] = held
        return held

    def of(self, chargers: Iterable[ChargerConnection]) -> list[PartitionBatch]:
        """Return what is claimed of these chargers; of some that is nothing."""
        claims: list[tuple[ChargerConnection, bytes]] = []
        for charger in chargers:
            changed = self._changed[charger.partition]
            if charger in changed:
                changed.discard(charger)
                self._follow(charger)
            claim = self._by_partition[charger.partition].get(charger)
            if claim is not None:
                claims.append((charger, claim))
        return [_held(*batch) for batch in by_slot(claims, lambda claim: claim[0].partition)]

    def _follow(self, charger: ChargerConnection) -> None:
        """Claim what is to be claimed now."""
        epoch = charger.epoch
        if epoch is None or not charger.is_open:
            return
        # A superseded one claims nothing, but must hear when it is unregistered.
        claim = claim_of(0, 0) if charger.superseded else claim_of(epoch, charger.sequence)
        self._by_partition[charger.partition][charger] = pack_words(charger.device_id, claim)
        self._held[charger.partition] = None


def _held(partition: int, claims: list[tuple[ChargerConnection, bytes]]) -> PartitionBatch:
    chargers = [charger for charger, _ in claims]
    words = b"".join([claim for _, claim in claims])
    return PartitionBatch(partition, chargers, Packed(2 * len(claims), words))
