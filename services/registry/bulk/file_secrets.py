"""The secrets of an import file, prepared while it is read."""

from collections.abc import Sequence

from services.registry.access.secret import PreparedSecret
from services.registry.access.secret_hasher import NewSecrets, SecretHasher, TooManyNewError
from services.registry.bulk.mistakes import Mistakes
from services.registry.bulk.rows import Row
from shared.contract.devices import Kind


class FileSecrets:
    """Prepares secrets. That is slow, so not once the file is known to have mistakes.

    Args:
        hasher: Prepares them.
        mistakes: Of the file; too many secrets are one more.
    """

    def __init__(self, hasher: SecretHasher, mistakes: Mistakes) -> None:
        self._hasher = hasher
        self._mistakes = mistakes
        self._allowed = {kind: NewSecrets() for kind in Kind}

    async def prepare(self, rows: Sequence[Row]) -> list[PreparedSecret | None]:
        """Return the secret of each row; None: it has none, or the file is refused anyway.

        Raises:
            NoCredentialKeyError: This registry cannot set secrets.
            PostgresUnavailableError: Postgres is away.
        """
        of_kinds = {kind: await self._of_kind(kind, rows) for kind in Kind}
        return [of_kinds[row.kind].get(row.id) for row in rows]

    async def _of_kind(self, kind: Kind, rows: Sequence[Row]) -> dict[str, PreparedSecret]:
        own = {row.id: row for row in rows if row.kind is kind and row.secret is not None}
        if not own or self._mistakes.total:
            return {}
        texts = {device: row.secret or "" for device, row in own.items()}
        try:
            return await self._hasher.of_many(kind, texts, self._allowed[kind])
        except TooManyNewError as error:
            self._mistakes.add(own[error.device].line, "secret", str(error))
            return {}
