"""The slow hash of devices' secrets: Argon2id (RFC 9106).

With the lowest costs that OWASP recommends: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
A hash takes some 20 ms and 19 MiB.
"""

import asyncio
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

_MEMORY_KIB: Final = 19 * 1024
_TIMES: Final = 2
_LANES: Final = 1

_MAX_THREADS: Final = 2
"""Few, to leave processors for everything else."""


class Hashing:
    """Makes and checks slow hashes, in threads, a few at once."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=_TIMES, memory_cost=_MEMORY_KIB, parallelism=_LANES, type=Type.ID
        )
        self._slots = asyncio.Semaphore(_MAX_THREADS)

    async def hash_of(self, secret: str) -> str:
        """Return the hash of a secret, with a salt of its own."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, secret)

    async def verify(self, hash_: str, secret: str) -> bool:
        """Tell whether a hash was made of a secret, in constant time."""
        async with self._slots:
            return await asyncio.to_thread(self._verify, hash_, secret)

    def _verify(self, hash_: str, secret: str) -> bool:
        try:
            return self._hasher.verify(hash_, secret)
        except (VerificationError, InvalidHashError):  # another secret, or a row made by hand
            return False
