"""What Redis should have stored of this gateway's chargers, in a form that is quick to compare.

Every two seconds each gateway has all its chargers compared with what is stored. Nearly
always all is there, so a fingerprint is the text that a stored state begins with
(`write_live` in ``shared/redis_state/model.lua``): Redis compares it without parsing any JSON.
And most chargers have sent nothing since the last time, so fingerprints are kept encoded as
they are sent, without touching the connections, which are scattered over all memory.
"""

from collections.abc import Iterable
from typing import NamedTuple

from services.gateway.chargers.charger_connection import ChargerConnection
from shared.bus.batches import ITEMS_PER_CALL, by_slot, parts
from shared.bus.resp_encoding import EncodedWords, encode_words


def fingerprint(epoch: int, sequence: int) -> str:
    """Return what the stored state begins with, if the connection's last reading is there.

    Args:
        epoch: Of the connection, in µs; 0 matches any.
        sequence: Of its last reading; 0 if there was none.
    """
    if sequence:
        return f'{{"epoch":{epoch},"revision":[{epoch},{sequence}],'
    return f'{{"epoch":{epoch}'


def known_pairing(number: int, mark: str) -> str:
    """Return what the directory entry begins with, if the charger has this pairing.

    Args:
        number: Of the pairing.
        mark: Its mark; empty: the charger is not paired.
    """
    if mark:
        return f'{{"pairing":{number},"token":"{mark.partition("-")[2]}"'
    return f'{{"pairing":{number}}}'


class PartitionBatch(NamedTuple):
    """Chargers of one partition, as many as one call may have."""

    partition: int
    chargers: list[ChargerConnection]
    words: EncodedWords
    """Id, fingerprint and known pairing of each, in this order."""


class StoredFingerprints:
    """The fingerprints of the chargers that have an epoch, by partition."""

    def __init__(self, partitions: int) -> None:
        self._by_partition: list[dict[ChargerConnection, bytes]] = [{} for _ in range(partitions)]
        self._batches: list[tuple[PartitionBatch, ...] | None] = [None] * partitions
        # Computed again when next compared: not once for every reading.
        self._stale: list[set[ChargerConnection]] = [set() for _ in range(partitions)]

    def mark_stale(self, charger: ChargerConnection) -> None:
        """Mark a charger's fingerprint as stale."""
        self._stale[charger.partition].add(charger)

    def forget(self, charger: ChargerConnection) -> None:
        """Drop the fingerprint of a connection that ends."""
        self._stale[charger.partition].discard(charger)
        if self._by_partition[charger.partition].pop(charger, None) is not None:
            self._batches[charger.partition] = None

    def of_partition(self, partition: int) -> tuple[PartitionBatch, ...]:
        """Return the fingerprints of all of a partition's chargers."""
        for charger in self._stale[partition]:
            self._refresh(charger)
        self._stale[partition].clear()
        batches = self._batches[partition]
        if batches is None:
            packed = list(self._by_partition[partition].items())
            batches = tuple(_batch(partition, part) for part in parts(packed, ITEMS_PER_CALL))
            self._batches[partition] = batches
        return batches

    def of(self, chargers: Iterable[ChargerConnection]) -> list[PartitionBatch]:
        """Return the fingerprints of these chargers, of those that have one."""
        packed: list[tuple[ChargerConnection, bytes]] = []
        for charger in chargers:
            stale = self._stale[charger.partition]
            if charger in stale:
                stale.discard(charger)
                self._refresh(charger)
            words = self._by_partition[charger.partition].get(charger)
            if words is not None:
                packed.append((charger, words))
        return [_batch(*batch) for batch in by_slot(packed, lambda one: one[0].partition)]

    def _refresh(self, charger: ChargerConnection) -> None:
        epoch = charger.epoch
        if epoch is None or not charger.is_open:
            return
        # A superseded one has nothing stored, but must be told when it is unregistered.
        text = fingerprint(0, 0) if charger.superseded else fingerprint(epoch, charger.sequence)
        known = known_pairing(charger.marks.number, charger.marks.learned or "")
        words = encode_words(charger.device_id, text, known)
        self._by_partition[charger.partition][charger] = words
        self._batches[charger.partition] = None


def _batch(partition: int, encoded: list[tuple[ChargerConnection, bytes]]) -> PartitionBatch:
    chargers = [charger for charger, _ in encoded]
    words = b"".join([words for _, words in encoded])
    return PartitionBatch(partition, chargers, EncodedWords(3 * len(encoded), words))
