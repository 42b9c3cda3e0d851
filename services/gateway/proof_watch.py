"""Closes connections whose secret was revoked: replaced, expired, removed, or not enough now.

What is read is what is stored, so a lost doorbell costs half a second; see `directory_watch`.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from redis.exceptions import ResponseError

from services.gateway.auth.authenticator import authenticate_call
from services.gateway.auth.credentials import Proof
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from shared.bus.bus import Bus, BusUnavailableError
from shared.contract.credentials import Credentials
from shared.contract.device_protocol import CloseCode
from shared.contract.names import ChargerNames, WidgetNames
from shared.contract.tolerant_json import tolerant_decoder
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_PAUSE_SECONDS: Final = 0.1
"""Changes that come within this time are looked at together: an import rings often."""
_AGAIN_SECONDS: Final = 1.5
"""More than an answer of Redis may take."""
_MOST_PER_CALL: Final = 250

_Names = ChargerNames | WidgetNames
_Proved = tuple[DeviceConnection, Proof]

_decode = tolerant_decoder(Credentials)


@dataclass(eq=False, repr=False)
class ProofWatch:
    """Looks again at what connections have proved, when credentials change."""

    bus: Bus
    context: ConnectionContext
    rng: random.Random

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.1, 0.5, self.rng)
        self._changed: dict[_Names, set[str] | None] = {}
        self._wake = asyncio.Event()

    def on_change(self, names: _Names, ids: Iterable[str]) -> None:
        """Look at these devices of a tag soon; no ids: at all of them.

        And again a little later: the answer to a handshake may be on its way that was read just
        before the change.
        """
        self._note(names, ids)
        asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._note, names, ids)

    def _note(self, names: _Names, ids: Iterable[str]) -> None:
        ids, noted = set(ids), self._changed.get(names, set())
        self._changed[names] = (noted | ids) if ids and noted is not None else None
        self._wake.set()

    async def run(self) -> None:
        """Close connections until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, {}
            try:
                await self._check(changed)
            except BusUnavailableError:
                for names, ids in changed.items():
                    self._note(names, ids or ())
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _check(self, changed: dict[_Names, set[str] | None]) -> None:
        by_tag: defaultdict[_Names, list[_Proved]] = defaultdict(list)
        for connection in self.context.connections:
            if isinstance(connection, DeviceConnection) and (proof := connection.proof):
                ids = changed.get(proof.names, set())
                if ids is None or proof.device_id in ids:
                    by_tag[proof.names].append((connection, proof))
        batches = [
            (names, found[start : start + _MOST_PER_CALL])
            for names, found in by_tag.items()
            for start in range(0, len(found), _MOST_PER_CALL)
        ]
        calls = [
            authenticate_call(names, [proof.device_id for _, proof in batch])
            for names, batch in batches
        ]
        replies = await self.bus.run(calls, return_errors=True) if calls else []
        for (_, batch), answers in zip(batches, replies, strict=True):
            if not isinstance(answers, ResponseError):
                _close_revoked(batch, answers[2::3])


def _close_revoked(batch: Iterable[_Proved], credentials: Iterable[bytes]) -> None:
    for (connection, proof), raw in zip(batch, credentials, strict=True):
        found = _decode(raw) if raw else None
        # None, or lower numbers: Redis was emptied, or is behind. It says nothing of this secret.
        if found is None or found.number < proof.number:
            continue
        if found.auth == "certificate":
            _log.info("certificate needed now, connection closed", id=proof.device_id)
            connection.close(CloseCode.POLICY, "this device needs a certificate now")
        elif proof.digests and set(proof.digests).isdisjoint(found.digests):
            _log.info("secret revoked, connection closed", id=proof.device_id)
            connection.close(CloseCode.POLICY, "this secret is not valid any more")
