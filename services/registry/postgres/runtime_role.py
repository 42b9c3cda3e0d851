"""The role that registries connect as, apart from the one that owns the tables.

It has the rights that `schema_check` looks for, and no others. So an intruder in a registry
cannot change tables, triggers or the past: triggers hold what the audit log promises, and only the
owner of a table can switch them off.
https://www.postgresql.org/docs/current/ddl-priv.html
"""

from typing import Final

from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Composed, Identifier, Literal

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_value
from services.registry.postgres.schema_check import NEEDED
from shared.process.runtime import CannotServeError

_COLUMNS: Final = {
    # Who and what; its number and its time are not for the registry to choose.
    ("audit_log", "INSERT"): (
        *("who", "key_id", "address"),
        *("action", "kind", "subject", "details", "import_id", "booth"),
    ),
    # Triggers let it be emptied, and only in entries about rentals.
    ("audit_log", "UPDATE"): ("details",),
    # The audit log says nothing of a hash: with another one in its place, someone would have an
    # admin's key, and no trace of it.
    ("api_keys", "UPDATE"): ("last_used_at", "expires_at", "replaced_at", "revoked_at"),
}
"""The columns that a right is given on, where it is not the whole table."""

_SEQUENCES: Final = SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}")
_NUMBERS: Final = SQL("GRANT UPDATE ON SEQUENCE pairing_numbers TO {}")
"""After a restore it goes on behind the numbers that Redis has (`lost_changes`)."""
_REVOKE: Final = SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}")
"""What it had with another version."""

_IS_TOO_MIGHTY: Final = """
    SELECT rolsuper OR rolcreaterole
        OR pg_has_role(rolname, current_user, 'MEMBER') OR pg_has_role(rolname, relowner, 'MEMBER')
    FROM pg_roles, pg_class
    WHERE rolname = %(name)s AND pg_class.oid = 'audit_log'::regclass
"""


async def give_rights(owner: Connection, dsn: str, *, keeps: bool = False) -> str:
    """Let the user of a connection string work, and do nothing else; return the user's name.

    A role that does not exist is made, with the password of the connection string.

    Args:
        owner: A connection of the owner of the tables, in a transaction.
        dsn: Of the running registries: CHARGELIGHT_POSTGRES_DSN.
        keeps: It keeps the rights that it has besides: those that a newer version needs.

    Raises:
        CannotServeError: It is the owner, or could become one.
        psycopg.Error: The owner may not make roles, or Postgres went away.
    """
    said = conninfo_to_dict(dsn)
    name = str(said.get("user", ""))
    if await fetch_value(owner, "SELECT current_user = %(name)s", {"name": name}):
        raise CannotServeError(
            f"CHARGELIGHT_POSTGRES_DSN and CHARGELIGHT_POSTGRES_OWNER_DSN have the same user, "
            f"{name}. Give the running registry a user of its own; this command makes it"
        )
    role = Identifier(name)
    await _make(owner, name, str(said.get("password", "")))
    schema = Identifier(await fetch_value(owner, "SELECT current_schema()"))
    if not keeps:
        await owner.execute(_REVOKE.format(schema, role))
    await owner.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
    for table, rights in NEEDED.items():
        for right in rights:
            await owner.execute(_grant(table, right, role))
    await owner.execute(_SEQUENCES.format(schema, role))
    await owner.execute(_NUMBERS.format(role))
    return name


def _grant(table: str, right: str, role: Identifier) -> Composed:
    columns = _COLUMNS.get((table, right))
    of = SQL(" ({})").format(SQL(", ").join(map(Identifier, columns))) if columns else SQL("")
    return SQL("GRANT {}{} ON {} TO {}").format(SQL(right), of, Identifier(table), role)


async def _make(owner: Connection, name: str, password: str) -> None:
    role = await fetch_value(owner, _IS_TOO_MIGHTY, {"name": name})
    if role:
        raise CannotServeError(
            f"the user {name} is a superuser, may make roles, or owns the tables, perhaps as a "
            "member of another role: it could do all that the owner can. Take that away: ALTER "
            "ROLE … NOSUPERUSER NOCREATEROLE, REVOKE … FROM …, REASSIGN OWNED BY … TO …"
        )
    if role is None:
        # Postgres must not log it.
        text, user = password.encode(), name.encode()
        encrypted = owner.pgconn.encrypt_password(text, user, b"scram-sha-256").decode()
        create = SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        await owner.execute(create.format(Identifier(name), Literal(encrypted)))
