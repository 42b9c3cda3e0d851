"""Only the newest connection of a charger counts.

Each connection draws an epoch that is greater than all before (``scripts/admit.lua``).
Redis keeps the greatest, and answers ``superseded`` to whatever an older connection
stores or has compared (``scripts/store.lua``, ``scripts/reconcile.lua``).

A device that reconnects leaves a dead connection behind, of which old frames may still arrive.
Only the pong to a ping that is sent now tells that a second device has the same id.
"""

from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.chargers.stored_fingerprints import StoredFingerprints


def supersede(charger: ChargerConnection, fingerprints: StoredFingerprints) -> None:
    """Mark a connection as superseded.

    It is closed if a reading of it was refused. Otherwise it stays open, and its device
    is told on its next frame: an old connection does no harm.
    """
    charger.ask_whether_it_lives()
    if not charger.is_stored:
        charger.close_superseded()
    elif not charger.superseded:
        charger.superseded = True
        fingerprints.mark_stale(charger)
