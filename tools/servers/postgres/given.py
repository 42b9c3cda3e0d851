"""A Postgres server that a person runs and gave us the address of."""

from tools.servers.addresses import without_password


class GivenPostgres:
    """See `postgres_server.Postgres`: used, never started or stopped from here."""

    def __init__(self, dsn: str, why: str) -> None:
        self.dsn = dsn
        self.description = f"{without_password(dsn)} ({why})"

    def close(self) -> None:
        """Leave it as it is."""
