"""Which API keys and sessions are valid, without a question to Postgres: to tell strangers apart.

Whether a request is let in is not decided here, but by `Authorization`.
"""

import asyncio
import random
from typing import Final

from services.registry.access import api_keys, keys, sessions
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Attempts, Troubles

_READ_SECONDS: Final = 1.0


class ValidKeys:
    """What is stored of all that are valid, a second ago; the last known while Postgres is away."""

    def __init__(
        self, database: Database, bootstrap_key: str, troubles: Troubles, rng: random.Random
    ) -> None:
        self._database = database
        self._attempts = Attempts("valid keys", troubles, rng)
        self._bootstrap = keys.hash_of(bootstrap_key) if bootstrap_key else b""
        self._keys: dict[str, tuple[bytes, str | None]] = {}
        self._sessions: frozenset[bytes] = frozenset()

    def __contains__(self, shown: bytes) -> bool:
        """Tell whether a key or a session is valid.

        Args:
            shown: As it was sent.
        """
        text = shown.decode("latin-1")
        known = self._keys.get(keys.id_in(text) or "")
        if known is None:
            return keys.hash_of(text) == self._bootstrap or sessions.hash_of(text) in self._sessions
        stored, booth = known
        return keys.hash_of(text, booth) == stored

    async def run(self) -> None:
        """Read them until cancelled."""
        await self._database.migrated.wait()
        while True:
            async with self._attempts.attempt():
                await self.read()
            await asyncio.sleep(_READ_SECONDS)

    async def read(self) -> None:
        """Read them once.

        Raises:
            PostgresUnavailableError: Postgres is away.
        """
        async with self._database.connection() as connection:
            self._keys = await api_keys.valid_hashes(connection)
            begun = await sessions.key_of_each(connection)
        self._sessions = frozenset(hash_ for hash_, of in begun.items() if of in self._keys)
