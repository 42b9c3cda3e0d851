"""The slow hash of devices' secrets: Argon2id (RFC 9106).

With OWASP's least costs: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
One takes some 20 ms and 19 MiB.
"""

import asyncio
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

_MEMORY_KIB: Final = 19 * 1024
_TIMES: Final = 2
_LANES: Final = 1

_AT_ONCE: Final = 2
"""They must leave processors for everything else."""


class Hashing:
    """Makes and checks slow hashes in threads, a few at once."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=_TIMES, memory_cost=_MEMORY_KIB, parallelism=_LANES, type=Type.ID
        )
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def hash_of(self, secret: str) -> str:
        """Return the hash of a secret, with a salt of its own."""
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, secret)

    async def fits(self, hash_: str, secret: str) -> bool:
        """Tell whether a hash was made of a secret, in a time that does not tell how close."""
        async with self._room:
            return await asyncio.to_thread(self._fits, hash_, secret)

    def _fits(self, hash_: str, secret: str) -> bool:
        try:
            return self._hasher.verify(hash_, secret)
        except (VerificationError, InvalidHashError):  # another secret, or a row made by hand
            return False
