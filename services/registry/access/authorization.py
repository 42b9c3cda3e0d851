"""Who sends a request, and may they?

Operators present an API key: ``Authorization: Bearer clk_…`` (RFC 6750). With
``CHARGELIGHT_REGISTRY_OPERATOR_AUTH=off`` nobody is asked, and everybody is an
admin without a name.
"""

import hmac
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.registry.access import api_keys, keys
from services.registry.access.keys import Operator, Role
from services.registry.api.problems import ProblemError
from services.registry.postgres.database import Database

ANYBODY: Final = Operator("anonymous", Role.ADMIN)
BOOTSTRAP: Final = Operator("bootstrap-admin", Role.ADMIN)
"""Who comes with the key of the settings, which makes the first keys."""

_SCHEME: Final = HTTPBearer(
    auto_error=False, description="An API key, `clk_…`; not asked for where that is off"
)


class Authorization:
    """Knows operators by their keys.

    Args:
        database: Where the keys are.
        required: Whether a key is asked for at all.
        admin_key: A key from the settings that is always an admin's; empty: none.
    """

    def __init__(self, database: Database, *, required: bool, admin_key: str) -> None:
        self._database = database
        self._required = required
        self._admin_key = admin_key

    async def operator_with(self, key: str | None) -> Operator:
        """Return who has a key.

        Raises:
            ProblemError: No key, or one that is not known (401).
            PostgresUnavailableError: Nobody can tell right now.
        """
        if not self._required:
            return ANYBODY
        if key and self._admin_key and hmac.compare_digest(key.encode(), self._admin_key.encode()):
            return BOOTSTRAP
        key_id = keys.id_in(key) if key else None
        if key and key_id:
            async with self._database.reading() as connection:
                known = await api_keys.known(connection, key_id)
                if known is not None and keys.is_same(key, known[2]):
                    await api_keys.used(connection, key_id)
                    return Operator(known[0], known[1])
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "present an API key that is not revoked: Authorization: Bearer clk_…",
        )

    def dependency(self) -> Callable[..., Any]:
        """Return what all routes depend on: it lets in who may, and knows who it was."""

        async def authorize(
            request: Request,
            credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)],
        ) -> None:
            operator = await self.operator_with(credentials.credentials if credentials else None)
            reading = request.method in ("GET", "HEAD")
            _require(operator, Role.VIEWER if reading else Role.OPERATOR)
            request.state.operator = operator

        return authorize


def _operator_of(request: Request) -> Operator:
    operator: Operator = request.state.operator
    return operator


Who = Annotated[Operator, Depends(_operator_of)]
"""Who sends this request, as a parameter of a route."""


def _needs_admin(who: Who) -> None:
    _require(who, Role.ADMIN)


NEEDS_ADMIN: Final = Depends(_needs_admin)
"""For ``dependencies=[…]`` of routes that are an admin's only."""


def _require(operator: Operator, role: Role) -> None:
    if not operator.role.includes(role):
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            f"this needs the role {role}; {operator.name} has the role {operator.role}",
        )
