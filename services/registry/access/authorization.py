"""Which operator sends a request, and what that operator may do.

Operators present an API key: ``Authorization: Bearer clk_…`` (RFC 6750). With
``CHARGELIGHT_REGISTRY_OPERATOR_AUTH=off`` no key is needed, and each request is an
anonymous admin's.
"""

import hmac
from typing import Final

from services.registry.access import api_keys, keys
from services.registry.access.keys import Operator, Role
from services.registry.errors import NotAllowedError, NotAuthenticatedError
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

ANONYMOUS: Final = Operator("anonymous", Role.ADMIN)
BOOTSTRAP: Final = Operator("bootstrap-admin", Role.ADMIN)
"""The operator with the key of the settings, who makes the first keys."""

_log = logs.get(__name__)


class Authorization:
    """Knows operators by their keys.

    Args:
        database: Where the keys are.
        required: Whether a key is needed.
        admin_key: A key from the settings that is always an admin's; empty: none.
    """

    def __init__(self, database: Database, *, required: bool, admin_key: str) -> None:
        self._database = database
        self._required = required
        self._admin_key = admin_key
        self._mark_failures = RateLimitedLog(_log, "the use of a key cannot be noted")

    async def operator_with(self, key: str | None) -> Operator:
        """Return the operator with a key.

        Raises:
            NotAuthenticatedError: There is no key, or no valid one.
            PostgresUnavailableError: Postgres is away, so the key cannot be checked.
        """
        if not self._required:
            return ANONYMOUS
        if key and self._admin_key and hmac.compare_digest(key.encode(), self._admin_key.encode()):
            return BOOTSTRAP
        key_id = keys.id_in(key) if key else None
        if key and key_id:
            async with self._database.connection() as connection:
                known = await api_keys.find_valid(connection, key_id)
            if known is not None and keys.matches(key, known[2]):
                await self._mark_used(key_id)
                return Operator(known[0], known[1])
        raise NotAuthenticatedError(
            "present an API key that is not revoked: Authorization: Bearer clk_…"
        )

    async def _mark_used(self, key_id: str) -> None:
        try:
            async with self._database.connection() as connection:
                await api_keys.mark_used(connection, key_id)
        except PostgresUnavailableError as error:
            # A Postgres that only takes no writes must not refuse those who read.
            self._mark_failures.log(error)


def require_role(operator: Operator, role: Role) -> None:
    """Check that an operator has a role, or one that includes it.

    Raises:
        NotAllowedError: The operator has neither.
    """
    if not operator.role.includes(role):
        raise NotAllowedError(
            f"this needs the role {role}; {operator.name} has the role {operator.role}"
        )
