"""Prepares secrets for storing, before the transaction, because hashing is slow."""

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.registry.access import device_secrets
from services.registry.access.hashing import Hashing
from services.registry.access.secret import PreparedSecret, StoredSecret
from services.registry.errors import NoCredentialKeyError
from services.registry.postgres.database import Database
from shared.contract.credentials import MINIMUM_KEY_LENGTH, digest_of, fingerprint_of
from shared.contract.devices import Kind

MAX_NEW: Final = 1000
"""Secrets in one call whose slow hash must be made or checked: some 15 s of work."""


class TooManyNewError(Exception):
    """More than `MAX_NEW` secrets are new; the text says so.

    Args:
        device: The device with the first one beyond.
    """

    def __init__(self, device: str) -> None:
        super().__init__(
            f"more than {MAX_NEW:,} secrets are new (or were made with another key), and one call "
            "takes no more, because their hashes are slow. Send them in parts"
        )
        self.device = device


@dataclass(slots=True)
class NewSecrets:
    """How many new secrets one call may still have."""

    left: int = field(default_factory=lambda: MAX_NEW)


class SecretHasher:
    """Makes digests and slow hashes of secrets.

    Args:
        database: Where the stored secrets are.
        key: Key of the digests; empty: this registry cannot set secrets.
        former_key: The one before it; empty: none. Its digests count, and are replaced when their
            secrets are set again.
    """

    def __init__(self, database: Database, key: str, former_key: str = "") -> None:
        self._database = database
        self._key = key
        self._keys = {fingerprint_of(each): each for each in (key, former_key) if each}
        self._hashing = Hashing()

    def require_key(self) -> None:
        """Check that there is a key.

        Raises:
            NoCredentialKeyError: There is none.
        """
        if not self._key:
            raise NoCredentialKeyError(
                "this registry cannot set secrets without a key for their digests. Set "
                "CHARGELIGHT_CREDENTIAL_KEY, the same for all registries and gateways, with "
                f"{MINIMUM_KEY_LENGTH} characters or more (openssl rand -hex 32), and restart"
            )

    def fits_key(self, secret: StoredSecret) -> bool:
        """Tell whether gateways can use a secret: its digest was made with a key that counts."""
        return secret.key_fingerprint in self._keys

    async def count_former(self) -> int:
        """Return how many secrets have a digest that was not made with the present key.

        Raises:
            PostgresUnavailableError: Postgres is away.
        """
        fingerprint = fingerprint_of(self._key) if self._key else ""
        async with self._database.connection() as connection:
            return await device_secrets.count_of_other_keys(connection, fingerprint)

    async def of_one(self, kind: Kind, device: str, secret: str) -> PreparedSecret:
        """Prepare one secret; see `of_many`."""
        return (await self.of_many(kind, {device: secret}, NewSecrets()))[device]

    async def of_many(
        self, kind: Kind, secrets: Mapping[str, str], allowed: NewSecrets
    ) -> dict[str, PreparedSecret]:
        """Prepare devices' secrets. Those with a stored digest cost nothing.

        Args:
            kind: Of the devices.
            secrets: By device id; the devices need not be registered yet.
            allowed: How many of them may be new; those that are new are subtracted.

        Raises:
            NoCredentialKeyError: There is no key.
            TooManyNewError: Too many of them are new.
            PostgresUnavailableError: Postgres is away.
        """
        self.require_key()
        async with self._database.connection() as connection:
            known = await device_secrets.find(connection, kind, secrets)
        prepared: dict[str, PreparedSecret] = {}
        for device, text in secrets.items():
            for each in known.get(device, ()):
                if self._is_digest_of(each, device, text):
                    prepared[device] = self._prepared(each.hash, device, text)
        new = [device for device in secrets if device not in prepared]
        if len(new) > allowed.left:
            raise TooManyNewError(new[allowed.left])
        allowed.left -= len(new)
        hashes = await asyncio.gather(
            *(self._hash_of(secrets[device], known.get(device, ())) for device in new)
        )
        for device, hash_ in zip(new, hashes, strict=True):
            prepared[device] = self._prepared(hash_, device, secrets[device])
        return prepared

    def _is_digest_of(self, stored: StoredSecret, device: str, secret: str) -> bool:
        key = self._keys.get(stored.key_fingerprint)
        return key is not None and hmac.compare_digest(
            stored.digest, digest_of(key, device, secret)
        )

    def _prepared(self, hash_: str, device: str, secret: str) -> PreparedSecret:
        """With the present key, whichever the stored digest was made with."""
        digest = digest_of(self._key, device, secret)
        return PreparedSecret(hash_, digest, fingerprint_of(self._key))

    async def _hash_of(self, secret: str, known: Sequence[StoredSecret]) -> str:
        """Return the stored hash of a secret, or a new one."""
        for each in reversed(known):
            # With a key that counts, its digest would have matched.
            if not self.fits_key(each) and await self._hashing.verify(each.hash, secret):
                return each.hash
        return await self._hashing.hash_of(secret)
