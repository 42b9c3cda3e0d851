"""Which operator sends a request, and what that operator may do.

Operators present an API key: ``Authorization: Bearer clk_…`` (RFC 6750). With
``CHARGELIGHT_REGISTRY_OPERATOR_AUTH=off`` no key is needed, and each request is an
anonymous admin's.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from services.registry.access import api_keys, bootstrap, keys, sessions
from services.registry.access.keys import ANONYMOUS, KeyFault, Operator, Role, StoredKey
from services.registry.access.least_roles import least_role
from services.registry.audit.access_events import AccessEvents, AccessKind
from services.registry.errors import AuthenticationOffError, NotAllowedError, NotAuthenticatedError
from services.registry.postgres.actor import Actor
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Connection, Database
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_REASONS: Final = {
    KeyFault.UNKNOWN: "present an API key that is not revoked: Authorization: Bearer clk_…",
    KeyFault.REVOKED: "this API key was revoked. Ask an admin for another one",
    KeyFault.EXPIRED: "this API key has expired. Ask an admin to renew it",
}

_log = logs.get(__name__)


@dataclass(eq=False, repr=False)
class Authorization:
    """Knows operators by their keys, and what their roles include."""

    database: Database
    """Where the keys are."""
    events: AccessEvents
    """Takes those who are refused."""
    required: bool = field(kw_only=True)
    """Whether a key is needed."""
    bootstrap_key: str = field(default="", kw_only=True)
    """From the settings; empty: none."""

    def __post_init__(self) -> None:
        self._mark_failures = RateLimitedLog(_log, "the use of a key cannot be noted")

    async def operator_with(self, key: str | None, address: str) -> Operator:
        """Return the operator with a key, who sends a request from an address.

        Raises:
            NotAuthenticatedError: There is no key, or no valid one.
            PostgresUnavailableError: Postgres is away, so the key cannot be checked.
        """
        if not self.required:
            return Operator(ANONYMOUS, Role.ADMIN, address=address)
        if key and bootstrap.is_bootstrap_key(key, self.bootstrap_key):
            return Operator(bootstrap.BOOTSTRAP_NAME, Role.ADMIN, address=address)
        key_id = keys.id_in(key) if key else None
        if not key or not key_id:
            raise self._refuse(Actor("nobody", address=address), KeyFault.UNKNOWN)
        async with self.database.connection() as connection:
            stored, now = await api_keys.find_stored(connection, key_id)
        fault = keys.fault_of(key, stored, now)
        # An id that does not exist is not recorded: there are too many of them.
        actor = Actor("nobody", key_id=key_id if stored else "", address=address)
        if stored is None or fault is not None:
            raise self._refuse(actor, fault or KeyFault.UNKNOWN)
        await self._mark_used(key_id)
        return _holder_of(stored, address)

    async def operator_in_session(self, session: str, address: str) -> Operator:
        """Return the operator whose session it is, as if the key of it had come.

        Raises:
            NotAuthenticatedError: The session has ended, or its key.
            PostgresUnavailableError: Postgres is away, so the session cannot be checked.
        """
        return await self._operator_by(
            sessions.find_key, session, address, "this session has ended. Sign in again"
        )

    async def operator_with_code(self, code: str, address: str) -> Operator:
        """Return the operator whom a sign-in code is for; it is good for nothing from then on.

        Raises:
            NotAuthenticatedError: It was used, is too old, or its key has ended.
            PostgresUnavailableError: Postgres is away, so the code cannot be checked.
        """
        return await self._operator_by(
            sessions.use_code, code, address, "this code is not good any more. Ask for another one"
        )

    async def _operator_by(
        self,
        find_key: Callable[[Connection, str], Awaitable[str | None]],
        text: str,
        address: str,
        reason: str,
    ) -> Operator:
        if not self.required:
            return Operator(ANONYMOUS, Role.ADMIN, address=address)
        async with self.database.connection() as connection:
            key_id = await find_key(connection, text)
            stored, now = await api_keys.find_stored(connection, key_id or "")
        fault = KeyFault.UNKNOWN if stored is None else keys.end_of(stored, now)
        if stored is None or fault is not None:
            actor = Actor("nobody", key_id=stored.id if stored else "", address=address)
            self.events.note(AccessKind.LOGIN, actor, (fault or KeyFault.UNKNOWN).value)
            raise NotAuthenticatedError(reason)
        await self._mark_used(stored.id)
        return _holder_of(stored, address)

    def require(self, operator: Operator, operation: str) -> None:
        """Check that an operator's role includes something: the one place that decides on it.

        Args:
            operator: Who asks.
            operation: Method and path of the operation, such as ``POST /keys``.

        Raises:
            NotAllowedError: The operator may not.
        """
        with self._noting(operator, operation):
            bootstrap.require_making_keys(operator, operation)
            _require_role(operator, least_role(operation))

    def require_whole_hub(self, operator: Operator, operation: str) -> None:
        """Check that an operator's key is not limited to a booth.

        Raises:
            NotAllowedError: It is.
        """
        with self._noting(operator, operation):
            if operator.booth is not None:
                raise NotAllowedError(
                    f"this needs a key for the whole hub; that of {operator.name} is limited to "
                    f"the booth {operator.booth}"
                )

    def refuse(self, operator: Operator, operation: str, error: NotAllowedError) -> NoReturn:
        """Refuse an operation to an operator for a reason of its own, and record it."""
        with self._noting(operator, operation):
            raise error

    async def require_key_maker(
        self, connection: Connection, operator: Operator, role: Role
    ) -> None:
        """Check that an admin may make a key of a role: with the bootstrap key only the first.

        Raises:
            NotAllowedError: Not so.
        """
        with self._noting(operator, bootstrap.MAKING_KEYS):
            await bootstrap.require_first_admin(connection, operator, role)

    @contextlib.contextmanager
    def _noting(self, operator: Operator, operation: str) -> Iterator[None]:
        """Record an operator who is refused in this context."""
        try:
            yield
        except NotAllowedError:
            self.events.note(AccessKind.ROLE, operator, operation)
            raise

    def _refuse(self, actor: Actor, fault: KeyFault) -> NotAuthenticatedError:
        self.events.note(AccessKind.LOGIN, actor, fault.value)
        return NotAuthenticatedError(_REASONS[fault])

    def require_on(self) -> None:
        """Check that operators need keys; otherwise a stranger's key would outlast that.

        Raises:
            AuthenticationOffError: They need none.
        """
        if not self.required:
            raise AuthenticationOffError(
                "no API key is made while none is required: anyone could make one, and it would "
                "stay valid. First set CHARGELIGHT_REGISTRY_OPERATOR_AUTH=required and "
                "CHARGELIGHT_REGISTRY_ADMIN_KEY"
            )

    async def _mark_used(self, key_id: str) -> None:
        try:
            async with self.database.connection() as connection:
                await api_keys.mark_used(connection, key_id)
        except PostgresUnavailableError as error:
            # A Postgres that only takes no writes must not refuse those who read.
            self._mark_failures.log(error)


def _holder_of(stored: StoredKey, address: str) -> Operator:
    return Operator(stored.name, stored.role, key_id=stored.id, address=address, booth=stored.booth)


def _require_role(operator: Operator, role: Role) -> None:
    if not operator.role.includes(role):
        raise NotAllowedError(
            f"this needs the role {role}; {operator.name} has the role {operator.role}"
        )
