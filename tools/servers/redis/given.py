"""A Redis server that a person runs and gave us the address of."""

from urllib.parse import urlsplit

from tools.servers.addresses import without_password


class GivenRedis:
    """See `redis_server.Redis`: used, never started, stopped or emptied from here."""

    def __init__(self, url: str, why: str) -> None:
        self.url = url
        self.description = f"{without_password(url)} ({why})"
        secret = urlsplit(url).password is not None
        self.command_line = f"redis-cli -u {without_password(url)}" + (
            "  (with the password)" if secret else ""
        )

    def close(self) -> None:
        """Leave it as it is."""
