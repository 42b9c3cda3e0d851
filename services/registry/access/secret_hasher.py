"""Prepares secrets for storing, before the transaction, because hashing is slow."""

import asyncio
import hmac
from collections.abc import Mapping, Sequence
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
    """More than `MAX_NEW` secrets are new; the text says so."""


class SecretHasher:
    """Makes digests and slow hashes of secrets.

    Args:
        database: Where the stored secrets are.
        key: Key of the digests; empty: this registry cannot set secrets.
    """

    def __init__(self, database: Database, key: str) -> None:
        self._database = database
        self._key = key
        self._fingerprint = fingerprint_of(key) if key else None
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
        """Tell whether gateways can use a secret: its digest was made with the present key."""
        return secret.key_fingerprint == self._fingerprint

    async def of_one(self, kind: Kind, device: str, secret: str) -> PreparedSecret:
        """Prepare one secret; see `of_many`."""
        return (await self.of_many(kind, {device: secret}))[device]

    async def of_many(self, kind: Kind, secrets: Mapping[str, str]) -> dict[str, PreparedSecret]:
        """Prepare devices' secrets. Those with a stored digest cost nothing.

        Args:
            kind: Of the devices.
            secrets: By device id; the devices need not be registered yet.

        Raises:
            NoCredentialKeyError: There is no key.
            TooManyNewError: Too many of them are new.
            PostgresUnavailableError: Postgres is away.
        """
        self.require_key()
        async with self._database.connection() as connection:
            known = await device_secrets.find(connection, kind, secrets)
        digests = {device: digest_of(self._key, device, text) for device, text in secrets.items()}
        prepared: dict[str, PreparedSecret] = {}
        for device, digest in digests.items():
            for each in known.get(device, ()):
                if self.fits_key(each) and hmac.compare_digest(each.digest, digest):
                    prepared[device] = PreparedSecret(each.hash, digest, each.key_fingerprint)
        new = [device for device in secrets if device not in prepared]
        if len(new) > MAX_NEW:
            raise TooManyNewError(
                f"{len(new):,} secrets are new (or were made with another key), but one call "
                f"takes {MAX_NEW:,}, because their hashes are slow. Send them in parts"
            )
        hashes = await asyncio.gather(
            *(self._hash_of(secrets[device], known.get(device, ())) for device in new)
        )
        for device, hash_ in zip(new, hashes, strict=True):
            prepared[device] = PreparedSecret(hash_, digests[device], fingerprint_of(self._key))
        return prepared

    async def _hash_of(self, secret: str, known: Sequence[StoredSecret]) -> str:
        """Return the stored hash of a secret, or a new one."""
        for each in reversed(known):
            # With the present key, its digest would have matched.
            if not self.fits_key(each) and await self._hashing.verify(each.hash, secret):
                return each.hash
        return await self._hashing.hash_of(secret)
