"""Which API keys are valid, without a question to Postgres: to tell operators from strangers.

Whether a request is let in is not decided here, but by `Authorization`.
"""

import asyncio
import random
from typing import Final

from services.registry.access import api_keys, keys
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Attempts, Troubles

_READ_SECONDS: Final = 1.0


class ValidKeys:
    """The digests of all valid keys, as of a second ago; the last known while Postgres is away."""

    def __init__(
        self, database: Database, bootstrap_key: str, troubles: Troubles, rng: random.Random
    ) -> None:
        self._database = database
        self._attempts = Attempts("valid keys", troubles, rng)
        self._bootstrap = {keys.hash_of(bootstrap_key)} if bootstrap_key else set()
        self._hashes = frozenset(self._bootstrap)

    def __contains__(self, key: bytes) -> bool:
        """Tell whether a key, as it was sent, is valid."""
        return keys.hash_of(key.decode("latin-1")) in self._hashes

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
            self._hashes = frozenset(self._bootstrap | await api_keys.valid_hashes(connection))
